#include "Tables.hi"

#include <string.h>

double units_factor(const char *unit)
{
    if (strcmp(unit, "ft") == 0)
        return FOOT;
    return strcmp(unit, "km") == 0 ? 1000.0 : 1.0;
}
