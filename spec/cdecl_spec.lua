-- C declarations: what the parser understands, and what it says when it does not.
-- SPDX-License-Identifier: MIT

local cdecl = require "moonlink.call.cdecl"
local ctype = require "moonlink.call.ctype"

describe("a C declaration", function()
   local scope

   before_each(function()
      scope = cdecl.scope()
   end)

   ---The signature code of a prototype.
   local function code(text)
      local declared = assert(scope:prototype(text))
      return assert(ctype.code(declared.type))
   end

   ---A parameter's code.
   local function kind(text)
      return (assert(ctype.code(ctype.as_parameter(assert(scope:type(text))))))
   end

   describe("of a type", function()
      -- C11 6.7.2: the words of a type may come in any order.
      local spellings = {
         b = { "_Bool", "bool" },
         c = { "char" },
         a = { "signed char", "char signed", "int8_t" },
         A = { "unsigned char", "char unsigned", "uint8_t" },
         h = { "short", "short int", "signed short", "signed short int", "int short", "int16_t" },
         H = { "unsigned short", "short unsigned int", "uint16_t" },
         i = { "int", "signed", "signed int", "int signed", "int32_t", "wchar_t", "pid_t" },
         I = { "unsigned", "unsigned int", "int unsigned", "uint32_t", "mode_t" },
         l = { "long", "long int", "signed long int", "long long", "long long int",
            "long signed long", "int long long signed", "int64_t", "ssize_t", "intptr_t",
            "ptrdiff_t", "off_t", "time_t", "intmax_t" },
         L = { "unsigned long", "long unsigned int", "unsigned long long", "long unsigned long int",
            "uint64_t", "size_t", "uintptr_t", "uintmax_t" },
         f = { "float" },
         d = { "double" },
         D = { "long double", "double long" },
         s = { "const char *", "char const *", "const char * const", "const char []",
            "const char * restrict", "const char *__restrict" },
         S = { "char *", "char []", "char [16]", "char * const" },
         q = { "const void *", "const unsigned char *", "void const *", "const uint8_t *" },
         p = { "void *", "int *", "const int *", "char **", "const char **", "unsigned char *",
            "struct any *", "const struct any *", "FILE *", "int [4]", "int [2][3]", "int (*)[3]",
            "const char *const *" },
         ["Pi(ii)"] = { "int (*)(int, int)", "int (int, int)", "int (* const)(int a, int b)" },
      }
      for expected, list in pairs(spellings) do
         for _, spelling in ipairs(list) do
            it(("'%s' is passed as %s"):format(spelling, expected), function()
               assert.equal(expected, kind(spelling))
            end)
         end
      end

      for _, wrong in ipairs { "short long", "unsigned float", "long float", "signed double",
         "char int", "long long long", "signed unsigned", "void int", "float double" } do
         it(("refuses '%s'"):format(wrong), function()
            local t, err = scope:type(wrong)
            assert.is_nil(t)
            assert.equal("these words make no type together", err.message)
         end)
      end
   end)

   describe("of a function", function()
      for text, expected in pairs {
         ["int add(int, int)"] = "i(ii)",
         ["int add(int a, int b);"] = "i(ii)",
         ["void f(void)"] = "v()",
         ["void f()"] = "v()",
         ["int printf(const char *, ...)"] = "i(s.)",
         ["char *strdup(const char *s)"] = "S(s)",
         ["void qsort(void *, size_t, size_t, int (*)(const void *, const void *))"] =
            "v(pLLPi(qq))",
         ["void (*signal(int sig, void (*func)(int)))(int)"] = "p(iPv(i))",
         ["int (f)(int)"] = "i(i)",
         ["int *(*f(int))(void)"] = "p(i)",
         ["extern int f(int) __attribute__((nonnull(1), noreturn));"] = "i(i)",
         ["__extension__ static __inline__ int f(int x);"] = "i(i)",
         ["_Noreturn void f(int)"] = "v(i)",
         ["int f(char a[restrict static 4], int n)"] = "i(Si)",
         ["int f(int (*)(const char *, ...))"] = "i(p)",
         ["enum color { RED, BLUE } f(enum color)"] = "I(I)",
         ["int f(struct tm *)"] = "i(p)",
         ["int add(int a, int b) { if (a) { return '}'; } return b + '\"'; }"] = "i(ii)",
         ["long double f(long double, float)"] = "D(Df)",
      } do
         it(("%s is %s"):format(text, expected), function()
            assert.equal(expected, code(text))
         end)
      end

      it("takes the linker's name from an asm label", function()
         local declared = assert(scope:prototype 'int stat(const char *) __asm__("stat" "64")')
         assert.equal("stat", declared.name)
         assert.equal("stat64", declared.symbol)
      end)

      it("keeps an attribute behind an asm label out of the name", function()
         local declared = assert(scope:prototype 'int f(int) __asm__("g") __attribute__((pure))')
         assert.equal("g", declared.symbol)
      end)

      it("prints as C again", function()
         for _, text in ipairs {
            "int add(int, int)", "void f(void)", "const char *name(int *, const char *)",
            "void qsort(void *, unsigned long, unsigned long, int (*)(const void *, const void *))",
            "int printf(const char *, ...)", "void (*signal(int, void (*)(int)))(int)",
            "int f(char **, const char *const *, char *const *)", "int f(int (*)[3])",
         } do
            local declared = assert(scope:prototype(text))
            assert.equal(text, ctype.show(declared.type, declared.name))
         end
      end)

      for text, reason in pairs {
         ["struct pt mk(int)"] = "struct pt by value is not supported yet",
         ["int f(struct pt)"] = "parameter 1: struct pt by value is not supported yet",
         ["int f(union u *, union u)"] = "parameter 2: union u by value is not supported yet",
         ["int vprintf(const char *, va_list)"] = "parameter 2: va_list cannot be passed",
         ["_Complex double csqrt(_Complex double)"] = "_Complex cannot be passed",
         ["__int128 f(void)"] = "__int128 cannot be passed",
      } do
         it(("%s has no code, with a reason"):format(text), function()
            local declared = assert(scope:prototype(text))
            local result, why = ctype.code(declared.type)
            assert.is_nil(result)
            assert.truthy(why:find(reason, 1, true), why)
         end)
      end
   end)

   describe("text of a header", function()
      it("declares types, functions, data and constants together", function()
         assert(scope:declare [[
            /* a comment */ // and another
            #include <stdio.h>
            # 12 "file.h" 3 4
            #define LIMIT (4 << 2)
            #define MASK ~0x0f
            #define NOTHING
            #define CALL(x) f(x)
            #define LONG 1 + \
                         2
            #define TEXT "no integer"
            typedef struct node { struct node *next; int value[4]; } node, *list;
            typedef int (*compare)(const void *, const void *);
            list head(node *);
            extern int counter, *where;
            extern const char *const names[];
            int a(int), b(const char *, compare);
            static inline int hidden(int x) { return x ? (x) : 0; }
            _Static_assert(sizeof(int) == 4, "int");
            int table[2] = { 1, (2, 3) }, last = 4;
            __attribute__((visibility("default"))) void shown(void);
         ]])
         assert.equal(16, scope:find("constants", "LIMIT"))
         assert.equal(-16, scope:find("constants", "MASK"))
         assert.equal(3, scope:find("constants", "LONG"))
         assert.is_nil(scope:find("constants", "TEXT"))
         assert.is_nil(scope:find("constants", "NOTHING"))
         assert.equal("p(p)", ctype.code(scope:find("functions", "head").type))
         assert.equal("i(sPi(qq))", ctype.code(scope:find("functions", "b").type))
         assert.is_nil(scope:find("functions", "hidden"))
         assert.equal("i", scope:find("data", "counter").type.code)
         assert.equal("pointer", scope:find("data", "where").type.kind)
         assert.is_true(scope:find("data", "names").const)
         assert.equal(2, scope:find("data", "table").type.count)
         assert.equal("i", scope:find("data", "last").type.code)
         assert.truthy(scope:find("functions", "shown"))
      end)

      it("takes what a preprocessor made of the system's headers", function()
         local support = require "spec.support"
         local dir = support.tmpdir()
         support.write(dir .. "/all.c", [[
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
]])
         for _, flags in ipairs { "-std=gnu11", "-std=c11", "-O2 -std=gnu17" } do
            local text = support.sh("gcc -E %s %s/all.c", flags, dir)
            local fresh = cdecl.scope()
            local ok, err = fresh:declare(text)
            assert(ok, tostring(err))
            for name, expected in pairs {
               fscanf = "i(ps.)", qsort = "v(pLLPi(qq))", pow = "d(dd)", strtold = "D(sp)",
               pthread_create = "i(ppPp(p)p)", memcpy = "p(pqL)", getenv = "S(s)",
            } do
               assert.equal(expected, ctype.code(fresh:find("functions", name).type), name)
            end
         end
      end)

      it("computes enumerators", function()
         assert(scope:declare [[
            enum { A, B, C = 10, D, E = -3, F, G = C * 2 + 1, H = 1 << 4 | 2, I = 'a',
               J = -7 / 2, K = -7 % 3, L = (int)5, M = 5 > 3 ? 100 : 200, N = !0, O = ~0,
               P = sizeof(int), Q = '\n', R = 0x7f, S = 010, T = 1 == 1 && 0, U = 3 - 2 - 1,
               V = '\x41', W = 0b101, X = 2 + 3 * 4, };
         ]])
         local expected = {
            A = 0, B = 1, C = 10, D = 11, E = -3, F = -2, G = 21, H = 18, I = 97, J = -3, K = -1,
            L = 5, M = 100, N = 1, O = -1, P = 4, Q = 10, R = 127, S = 8, T = 0, U = 0, V = 65,
            W = 5, X = 14,
         }
         for name, value in pairs(expected) do
            assert.equal(value, scope:find("constants", name), name)
         end
      end)

      -- gcc's choice for an enum: the narrowest of unsigned int, int, unsigned long, long.
      it("gives an enum the type that its values need", function()
         for text, expected in pairs {
            ["enum { A1 }"] = "I", ["enum { A2 = -1 }"] = "i", ["enum { A3 = 0xffffffff }"] = "I",
            ["enum { A4 = -1, B4 = 0xffffffff }"] = "l", ["enum { A5 = 0x100000000 }"] = "L",
         } do
            assert.equal(expected, kind(text), text)
         end
      end)

      it("accepts the same declaration twice", function()
         assert(scope:declare "int f(int); typedef int t; int f(int x); typedef int t;")
         assert(scope:declare "typedef unsigned long size_t; typedef long int time_t;")
         assert(scope:declare "struct s; struct s { int x; }; struct s;")
      end)

      it("accepts extern \"C\" with and without a block", function()
         assert(scope:declare 'extern "C" { int f(int); } extern "C" int g(int); int h(int);')
         assert.truthy(scope:find("functions", "f") and scope:find("functions", "h"))
      end)

      it("is taken whole or not at all", function()
         local ok, err = scope:declare "typedef int good; int f(good); int g(bad);"
         assert.is_nil(ok)
         assert.equal(1, err.line)
         assert.is_nil(scope:find("typedefs", "good"))
         assert.is_nil(scope:find("functions", "f"))
      end)

      it("is seen by that scope alone", function()
         local other = cdecl.scope()
         assert(scope:declare "typedef int mine; int f(mine);")
         assert.is_nil(other:find("functions", "f"))
         assert.is_nil((other:type "mine"))
         assert.equal("f", cdecl.scope(scope):find("functions", "f").name)
      end)

      it("keeps a prototype out of the scope", function()
         assert(scope:prototype "enum e { ONE } f(enum e)")
         assert.is_nil(scope:find("functions", "f"))
         assert.is_nil(scope:find("constants", "ONE"))
      end)
   end)

   describe("with a mistake", function()
      local mistakes = {
         { "int add(int,", 1, 13, "a type" },
         { "int add(int int)", 1, 9, "a type" },
         { "int add(int a b)", 1, 15, "',' or ')'" },
         { "int add(foo)", 1, 9, "a type" },
         { "int add(int", 1, 12, "',' or ')'" },
         { "int", 1, 1, "one function" },
         { "int x", 1, 1, "one function" },
         { "int f(void); int g(void);", 1, 1, "one function" },
         { "add(int)", 1, 1, "a type" },
         { "int f(...)", 1, 7, "a parameter before '...'" },
         { "int f(int, ..., int)", 1, 15, "')'" },
         { "int f(void, int)", 1, 7, "a type other than void" },
         { "int f(int)[3]", 1, 11, "';'" },
         { "int f(int x[1/0])", 1, 16, "a divisor that is not zero" },
         { "int f(int x[y])", 1, 13, "an integer constant" },
         { "int f(enum { A = })", 1, 18, "an integer constant" },
         { "int f(int)\n\t/* never closed", 2, 2, "'*/'" },
         { "int f(int) __attribute__((x)", 1, 25, "')'" },
         { "int\nf(int,\n  what)", 3, 3, "a type" },
         { "int f(int) { return 1;", 1, 12, "'}'" },
         { "struct f(int)", 1, 9, nil },
         { "@", 1, 1, "a type" },
         { "", 1, 1, "one function" },
      }
      for _, case in ipairs(mistakes) do
         it(("says where: %q"):format(case[1]), function()
            local declared, err = scope:prototype(case[1])
            assert.is_nil(declared)
            assert.equal("declaration", err.code)
            assert.equal(case[4] or err.expected, err.expected)
            assert.same({ case[2], case[4] and case[3] or err.column }, { err.line, err.column })
         end)
      end

      it("shows the line and a caret under the place", function()
         local _, err = scope:prototype "int\n\tadd(int, foo x)"
         assert.equal(table.concat({
            "declaration, line 2, column 11: unknown type 'foo': declare it with cdef",
            "  \tadd(int, foo x)",
            "  \t         ^",
         }, "\n"), tostring(err))
      end)

      it("names the earlier declaration of a name that is declared otherwise", function()
         assert(scope:declare "int f(int);")
         local ok, err = scope:declare "long f(int);"
         assert.is_nil(ok)
         assert.equal("'f' was declared otherwise before: int f(int)", err.message)
      end)

      it("never ends in another error, whatever is cut off or put in", function()
         local text = [[typedef struct a { int x; } a; enum e { A = 1 + (2), B }; #define X 1
            extern const char *const t[A]; int (*f(int, void (*)(a *, ...)))(long double)
            __asm__("x") __attribute__((y(1))); static int g(void) { return '\''; } ]]
         for i = 1, #text do
            scope:declare(text:sub(1, i))
            cdecl.scope():declare(text:sub(i))
            for _, c in ipairs { "(", ")", "*", ";", "{", "'", "\0", "\255" } do
               cdecl.scope():declare(text:sub(1, i) .. c .. text:sub(i + 1))
            end
         end
      end)

      it("can be parsed any number of times", function()
         for i = 1, 20000 do
            assert(scope:type(("int (*)(int, char [%d])"):format(i)))
         end
      end)

      it("shows of a long line what is around the mistake", function()
         local text = "int " .. ("a, "):rep(50000) .. "@, " .. ("b, "):rep(50000) .. "c;"
         local _, err = scope:declare(text)
         local message, shown, caret = tostring(err):match "^([^\n]+)\n  ([^\n]+)\n  ( *)%^$"
         assert.matches("column 150005", message, 1, true)
         assert.is_true(#shown <= 200)
         assert.equal("@", shown:sub(#caret + 1, #caret + 1))
      end)

      it("does not overflow the stack on deep nesting", function()
         local deep = ("("):rep(100000)
         for _, text in ipairs {
            "int f" .. deep, "enum { A = " .. deep, "enum { A = " .. ("-"):rep(100000),
            "int f(int " .. ("(*"):rep(100000), "int f(" .. ("int (*)("):rep(100000),
            "int x" .. ("[1]"):rep(100000),
         } do
            local ok, err = scope:declare(text)
            assert.is_nil(ok)
            assert.equal("declaration", err.code)
         end
      end)
   end)
end)
