#include "Report.hi"
#include "Shapes.hi"

#include <stdio.h>

const char *report(double radius, const char *unit)
{
    static char line[80];
    snprintf(line, sizeof line, "a circle of %g %s: %.3f m2", radius, unit, circle(radius, unit));
    return line;
}
