--- Results of libraries for text: encodings, parsers, patterns.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"

local rows = {}

local function row(t)
   rows[#rows + 1] = t
end

row {
   name = "icuuc", with = {"-licudata", "-lstdc++", "-lm"},
   c = [[
      #include <unicode/ustring.h>
      #include <unicode/unorm2.h>
      /* upper case of UTF-8, as UTF-8 */
      int upper(const char *text, char *to, int size)
      {
         UErrorCode e = U_ZERO_ERROR;
         UChar a[100], b[100];
         int32_t n;
         u_strFromUTF8(a, 100, &n, text, -1, &e);
         n = u_strToUpper(b, 100, a, n, "de", &e);
         u_strToUTF8(to, size, &n, b, n, &e);
         return U_FAILURE(e) ? -e : n;
      }
      /* NFC of e and a combining acute accent */
      int composed(void)
      {
         UErrorCode e = U_ZERO_ERROR;
         const UNormalizer2 *nfc = unorm2_getNFCInstance(&e);
         UChar from[2] = {'e', 0x301}, to[4];
         int n = unorm2_normalize(nfc, from, 2, to, 4, &e);
         return U_FAILURE(e) ? -e : n == 1 ? to[0] : -1;
      }
   ]],
   check = function(ln, t)
      local text = moonlink.alloc(100)
      t:equal(8, assert(ln:func "int upper(const char *, char *, int)")("stra\xc3\x9fe\xc3\xa4",
         text, 100) - 1)
      t:equal("STRASSE\xc3\x84", moonlink.string(text:address()), "upper case of sharp s")
      t:equal(0xe9, assert(ln:func "int composed(void)")(), "NFC")
   end,
}

row {
   name = "expat",
   check = function(ln, t)
      ln:cdef [[
         void *XML_ParserCreate(const char *encoding);
         void XML_SetElementHandler(void *p, void (*start)(void *, const char *, const char **),
                                    void (*finish)(void *, const char *));
         int XML_Parse(void *p, const char *s, int len, int final);
         void XML_ParserFree(void *p);
         unsigned long XML_GetCurrentLineNumber(void *p);
      ]]
      local seen = {}
      local start <close> = ln:callback("void(void *, const char *, const char **)",
         function(_, name) seen[#seen + 1] = name end)
      local finish <close> = ln:callback("void(void *, const char *)",
         function(_, name) seen[#seen + 1] = "/" .. name end)
      local parser = ln.c.XML_ParserCreate(nil)
      ln.c.XML_SetElementHandler(parser, start, finish)
      local text = "<a><b x='1'/>t<c></c></a>"
      t:equal(1, ln.c.XML_Parse(parser, text, #text, 1), "XML_STATUS_OK")
      t:equal("a b /b c /c /a", table.concat(seen, " "), "elements")
      ln.c.XML_ParserFree(parser)
      parser = ln.c.XML_ParserCreate(nil)
      t:equal(0, ln.c.XML_Parse(parser, "<a>\n</b>", 8, 1), "XML_STATUS_ERROR")
      t:equal(2, ln.c.XML_GetCurrentLineNumber(parser), "line of the error")
      ln.c.XML_ParserFree(parser)
   end,
}

row {
   name = "pcre2-8",
   check = function(ln, t)
      ln:cdef [[
         void *pcre2_compile_8(const char *pattern, size_t length, unsigned options, int *error,
                               size_t *offset, void *context);
         void *pcre2_match_data_create_from_pattern_8(void *code, void *context);
         int pcre2_match_8(void *code, const char *subject, size_t length, size_t start,
                           unsigned options, void *data, void *context);
         size_t *pcre2_get_ovector_pointer_8(void *data);
         void pcre2_match_data_free_8(void *data);
         void pcre2_code_free_8(void *code);
      ]]
      local pattern, subject = "(\\w+)\\s+\\1", "it was the the best"
      local code = assert(ln.c.pcre2_compile_8(pattern, #pattern, 0, moonlink.alloc(4),
         moonlink.alloc(8), nil))
      local data = ln.c.pcre2_match_data_create_from_pattern_8(code, nil)
      t:equal(2, ln.c.pcre2_match_8(code, subject, #subject, 0, 0, data, nil), "pairs")
      local first, last = moonlink.read(ln.c.pcre2_get_ovector_pointer_8(data), "I8I8")
      t:equal("the the", subject:sub(first + 1, last), "a word that is repeated")
      ln.c.pcre2_match_data_free_8(data)
      ln.c.pcre2_code_free_8(code)
   end,
}

row {
   name = "re2", with = {"-lstdc++", "-lm"},
   cxx = [[
      #include <re2/re2.h>
      #include <string>
      extern "C" int year_of(const char *date)
      {
         int year = 0;
         return RE2::FullMatch(date, "(\\d{4})-\\d{2}-\\d{2}", &year) ? year : -1;
      }
      extern "C" int replaced(const char *text)
      {
         std::string s = text;
         return RE2::GlobalReplace(&s, "b+", "d") * 100 + static_cast<int>(s.size());
      }
   ]],
   check = function(ln, t)
      local year_of = assert(ln:func "int year_of(const char *)")
      t:equal(2009, year_of "2009-11-10")
      t:equal(-1, year_of "2009-11-1")
      t:equal(205, assert(ln:func "int replaced(const char *)") "abbacb", "2 places, 5 letters")
   end,
}

row {
   name = "jansson",
   check = function(ln, t)
      ln:cdef [[
         void *json_loads(const char *text, size_t flags, void *error);
         void *json_object_get(void *object, const char *key);
         void *json_array_get(void *array, size_t i);
         long long json_integer_value(void *json);
         char *json_dumps(void *json, size_t flags);
      ]]
      local json = assert(ln.c.json_loads('{"b": [1, 20, 300], "a": null}', 0, nil))
      local array = ln.c.json_object_get(json, "b")
      t:equal(300, ln.c.json_integer_value(ln.c.json_array_get(array, 2)))
      t:equal('{"a":null,"b":[1,20,300]}', ln.c.json_dumps(json, 0x80 | 0x20), "sorted, compact")
      t:equal(nil, ln.c.json_loads("[1,", 0, nil), "a text that is cut off")
   end,
}

row {
   name = "yaml",
   c = [[
      #include <yaml.h>
      #include <string.h>
      /* scalars of a text, with blanks between */
      int scalars(const char *text, char *to)
      {
         yaml_parser_t p;
         yaml_event_t e;
         int n = 0, done = 0;
         yaml_parser_initialize(&p);
         yaml_parser_set_input_string(&p, (const unsigned char *)text, strlen(text));
         for (*to = 0; !done; yaml_event_delete(&e)) {
            if (!yaml_parser_parse(&p, &e))
               return -1;
            if (e.type == YAML_SCALAR_EVENT)
               n++, strcat(strcat(to, (char *)e.data.scalar.value), " ");
            done = e.type == YAML_STREAM_END_EVENT;
         }
         yaml_parser_delete(&p);
         return n;
      }
   ]],
   check = function(ln, t)
      local text = moonlink.alloc(200)
      local scalars = assert(ln:func "int scalars(const char *, char *)")
      t:equal(5, scalars("a: [1, 'two']\nb: >\n  folded\n  line", text))
      t:equal("a 1 two b folded line ", moonlink.string(text:address()))
      t:equal(-1, scalars("a: [1", text), "a list without end")
   end,
}

row {
   name = "unistring",
   check = function(ln, t)
      local upper = assert(ln:func [[unsigned char *u8_toupper(const char *s, size_t n,
         const char *language, const void *nf, unsigned char *to, size_t *length)]])
      local length = moonlink.alloc(8)
      local to = upper("\xc3\xa9a", 3, nil, nil, nil, length)
      t:equal(3, t:word(length))
      t:equal("\xc3\x89A", moonlink.read(to, "c3"), "upper case of e with acute")
   end,
}

row {
   name = "idn2", with = {"-lunistring"},
   check = function(ln, t)
      local to_ascii = assert(ln:func
         "int idn2_to_ascii_8z(const char *input, char **output, int flags)")
      local slot = moonlink.alloc(8)
      t:equal(0, to_ascii("b\xc3\xbccher.example", slot, 0))
      t:equal("xn--bcher-kva.example", moonlink.string(t:word(slot)), "punycode")
   end,
}

row {
   name = "boost_regex", with = {"-licui18n", "-licuuc", "-lstdc++"},
   cxx = [[
      #include <boost/regex.hpp>
      #include <string>
      extern "C" int matches(const char *text)
      {
         try {
            return boost::regex_match(std::string(text), boost::regex("(a|bc)+d?"));
         } catch (const std::exception &) {
            return -1;
         }
      }
   ]],
   check = function(ln, t)
      local matches = assert(ln:func "int matches(const char *)")
      t:equal(1, matches "abcad")
      t:equal(0, matches "abad")
   end,
}

return rows
