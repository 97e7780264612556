// cost.cc -- what C++ has that C has not: virtual functions, templates of the standard library,
// static members, exceptions. Each entry works for so many rounds and returns a check sum.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

struct Shape {
    static long made;
    Shape() { made++; }
    virtual ~Shape() = default;
    virtual long area() const = 0;
};
long Shape::made;

struct Square : Shape {
    long side;
    explicit Square(long s) : side(s) {}
    long area() const override { return side * side; }
};

struct Strip : Shape {
    long length;
    explicit Strip(long l) : length(l) {}
    long area() const override { return length; }
};

std::unique_ptr<Shape> shape_of(long i)
{
    if (i % 2)
        return std::make_unique<Square>(i & 15);
    return std::make_unique<Strip>(i & 63);
}

extern "C" int cost_shapes(int rounds)
{
    long sum = 0;
    for (long i = 0; i < rounds; i++)
        sum += shape_of(i)->area() + Shape::made;
    return int(sum);
}

extern "C" int cost_tree(int rounds)
{
    std::map<std::string, int> count;
    for (int i = 0; i < rounds; i++)
        count[std::to_string(i * 7 % 1000)]++;
    return int(count.size()) + count["77"];
}

int checked(int i)
{
    if (i < 0)
        throw std::out_of_range("below zero");
    return i;
}

extern "C" int cost_throw(int rounds)
{
    int caught = 0;
    for (int i = 0; i < rounds; i++) {
        try {
            caught += checked(-i - 1);
        } catch (const std::exception &) {
            caught++;
        }
    }
    return caught;
}
