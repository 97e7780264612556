/* For the session in input.txt. */
static int count;
int max_step = 10;

int step(int by)
{
    return count += by > max_step ? max_step : by;
}

const char *state(void)
{
    return count > 10 ? "many" : "few";
}
