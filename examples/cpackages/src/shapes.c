#include "Shapes.hi"
#include "Units.hi"

#include <math.h>

double circle(double radius, const char *unit)
{
    return acos(-1.0) * pow(in_metres(radius, unit), 2);
}
