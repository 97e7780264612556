-- Archive, prelinked object or shared library for a package? C libraries, and packages of GHC.
local lab = require "moonlink.lab"
local inputs = require "bench.questions.inputs"
local packages = require "bench.questions.packages"

local c = lab.experiment {
   name = "c", prepare = "once", inputs = {
      {name = "libcrypto", archive = inputs.archive "crypto", want = {"EVP_sha256"}},
      {name = "libgmp", archive = inputs.archive "gmp", want = {"__gmpz_powm"}},
   },
   strategies = {lab.with("archive", {members = "wanted"}), "archive", "prelinked", "shared-batch",
      packages.installed {libcrypto = "libcrypto.so.3", libgmp = "libgmp.so.10"}},
}
return c, packages.closure() and lab.experiment {
   name = "haskell", inputs = {packages.closure()}, strategies = {
      packages.form("archive wanted", "archive", "wanted"),
      packages.form("archive all", "archive", "all"),
      packages.form("prelinked", "prelinked"), packages.form("shared libraries", "shared"),
   },
}
