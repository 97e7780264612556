#include "Units.hi"
#include "Tables.hi"

double in_metres(double value, const char *unit)
{
    return value * units_factor(unit);
}
