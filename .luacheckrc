std = "lua54"
max_line_length = 100
include_files = {
   "lua/**/*.lua", "spec/**/*.lua", "examples/**/*.lua", "bench/**/*.lua", "fuzz/**/*.lua",
   ".ci/*.lua", "bin/moonlink", "*.rockspec", ".busted", ".luacheckrc",
}
files["spec"] = {std = "+busted"}
files["*.rockspec"] = {std = "+rockspec"}
