--- Haskell modules for specs: sources, and how they are compiled.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"

local haskell = {}

--- Compiles a module with ghc -c, together with others that it imports, in one folder.
---@param folder string
---@param name string of the module
---@param source string
---@param flags? string
---@param ghc? string the command
---@return string path of the object
function haskell.compile(folder, name, source, flags, ghc)
   local path = ("%s/%s"):format(folder, name:gsub("%.", "/"))
   support.write(path .. ".hs", source)
   support.sh("cd %s && %s -v0 -c %s %s.hs -o %s.o", folder, ghc or "ghc", flags or "-O", path,
      path)
   return path .. ".o"
end

--- A package of one module, version 1, as archive, prelinked object and shared library, in a
--- database of its own above base.
---@param folder string
---@param name string
---@param module string
---@param source string
---@return string path of the database
function haskell.package(folder, name, module, source)
   local id = name .. "-1"
   local flags = "-O -this-unit-id " .. id
   haskell.compile(folder, module, source, flags)
   support.sh("cd %s && ar rc libHS%s.a %s.o && ld -r -o HS%s.o %s.o", folder, id, module, id,
      module)
   haskell.compile(folder, module, source, flags .. " -dynamic -fPIC")
   support.sh("cd %s && ghc -v0 -dynamic -shared -this-unit-id %s -o libHS%s-ghc$(%s).so %s.o",
      folder, id, id, "ghc --numeric-version", module)
   local base = support.stdout "ghc-pkg field base id --simple-output"
   local file = support.write(folder .. "/conf", ("name: %s\nversion: 1\nid: %s\nkey: %s\n"
      .. "exposed: True\nexposed-modules: %s\nimport-dirs: %s\nlibrary-dirs: %s\n"
      .. "dynamic-library-dirs: %s\nhs-libraries: HS%s\ndepends: %s\n"):format(name, id, id, module,
      folder, folder, folder, id, base))
   local database = folder .. "/db"
   support.sh("%s pkg init %s && %s pkg -f %s register --force %s >%s/said 2>&1",
      support.moonlink(), database, support.moonlink(), database, file, folder)
   return database
end

--- A GHC whose packages are there for profiling, too: installed, or unpacked by `make ghc-prof`.
---@return {topdir: string, ghc: string}?
function haskell.profiling()
   local unpacked = os.getenv "MOONLINK_GHC_PROF"
   if unpacked then
      return {topdir = unpacked, ghc = "ghc -B" .. support.quote(unpacked)}
   end
   local status, topdir = support.exit "ghc --print-libdir"
   topdir = topdir:gsub("%s+$", "")
   if status == 0 and support.exit("ls %s/base-*/libHSbase-*_p.a", support.quote(topdir)) == 0 then
      return {topdir = topdir, ghc = "ghc"}
   end
end

haskell.PROBE = [==[
module Probe where
import Control.Concurrent
import Control.Exception
import Control.Monad
import Data.IORef
import qualified Data.Map as M
import Foreign.C.Types
import Foreign.Ptr
import System.Exit
import System.IO.Unsafe

foreign export ccall hsDiv :: CInt -> CInt -> CInt
hsDiv :: CInt -> CInt -> CInt
hsDiv a b = a `div` b

foreign export ccall hsFail :: CInt -> IO CInt
hsFail :: CInt -> IO CInt
hsFail n = if n > 3 then throwIO (userError ("too big \955: " ++ show n)) else return (n * 2)

foreign export ccall hsLater :: CInt -> IO CInt
hsLater :: CInt -> IO CInt
hsLater n = return (12 `div` n)

foreign export ccall hsExitWith :: CInt -> IO ()
hsExitWith :: CInt -> IO ()
hsExitWith n = exitWith (if n == 0 then ExitSuccess else ExitFailure (fromIntegral n))

counter :: IORef Int
counter = unsafePerformIO (newIORef 0)
{-# NOINLINE counter #-}

foreign export ccall hsCount :: IO CInt
hsCount :: IO CInt
hsCount = do { modifyIORef' counter (+ 1); fromIntegral <$> readIORef counter }

foreign import ccall "dynamic" callBack :: FunPtr (CInt -> IO CInt) -> CInt -> IO CInt
foreign export ccall hsCall :: FunPtr (CInt -> IO CInt) -> CInt -> IO CInt
hsCall :: FunPtr (CInt -> IO CInt) -> CInt -> IO CInt
hsCall f x = (+ 1) <$> callBack f x

foreign import ccall "wrapper" wrap :: (CInt -> IO CInt) -> IO (FunPtr (CInt -> IO CInt))
foreign export ccall hsAdder :: CInt -> IO (FunPtr (CInt -> IO CInt))
hsAdder :: CInt -> IO (FunPtr (CInt -> IO CInt))
hsAdder n = wrap (\x -> if x < 0 then throwIO (ErrorCall "negative") else return (n + x))

foreign export ccall hsThreads :: CInt -> IO CInt
hsThreads :: CInt -> IO CInt
hsThreads n = do
  boxes <- forM [1 .. fromIntegral n] $ \i -> do
    box <- newEmptyMVar
    _ <- forkIO (putMVar box $! sum [1 .. i :: Int])
    return box
  fromIntegral . sum <$> mapM takeMVar boxes

primes :: [Int]
primes = sieve [2 ..] where sieve (p : xs) = p : sieve [x | x <- xs, x `mod` p /= 0]

greet :: String -> String
greet who = "Hello, " ++ who ++ "!"

squares :: Int -> [(Int, String)]
squares n = M.toList (M.fromList [(i, show (i * i)) | i <- [1 .. n]])

power :: Integer -> Int -> Integer
power = (^)

stuck :: IO Int
stuck = newEmptyMVar >>= takeMVar

deep :: Int -> Int
deep n = foldr (\a b -> a + b) 0 [1 .. n]

hungry :: Int -> Int
hungry n = let xs = [1 .. n] in sum xs + length xs + last xs

half :: Int -> Either String Int
half n = if even n then Right (n `div` 2) else Left (show n ++ " is odd")

say :: String -> IO Int
say text = length text <$ modifyIORef' counter (+ 10)
]==]

return haskell
