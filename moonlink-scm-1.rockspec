rockspec_format = "3.0"
package = "moonlink"
version = "scm-1"
-- Made from a checkout by `luarocks --lua-version=5.4 make --deps-mode none`, which fetches
-- nothing.
source = {
   url = "git+file://.",
}
description = {
   summary = "A programmable run-time linker",
   detailed = [[
      Loads relocatable objects, archives and shared libraries into the running process, decides
      what every symbol means under rules that a script can replace, calls and explains what it
      loaded.
   ]],
   license = "MIT",
   labels = {"linker", "elf", "ffi"},
}
supported_platforms = {"linux"}
dependencies = {
   "lua >= 5.4, < 5.5",
   "argparse >= 0.7",
}
-- The Makefile builds anew when the compiler or its flags change: both steps give the same.
build = {
   type = "make",
   variables = {
      CC = "$(CC)",
      CFLAGS = "$(CFLAGS)",
      LIBFLAG = "$(LIBFLAG)",
      LUA = "$(LUA)",
      LUA_INCDIR = "$(LUA_INCDIR)",
   },
   install_variables = {
      INST_PREFIX = "$(PREFIX)",
      INST_LIBDIR = "$(LIBDIR)",
      INST_LUADIR = "$(LUADIR)",
      INST_BINDIR = "$(BINDIR)",
   },
}
test = {
   type = "command",
   command = "make test",
}
