-- | Text formatting, and a counter that the module keeps.
module Almanac.Report (line, lines') where

import Almanac.Price (withTax)
import Data.IORef (IORef, atomicModifyIORef', newIORef, readIORef)
import System.IO.Unsafe (unsafePerformIO)
import Text.Printf (printf)

printed :: IORef Int
printed = unsafePerformIO (newIORef 0)
{-# NOINLINE printed #-}

line :: String -> Double -> IO String
line name net = do
  number <- atomicModifyIORef' printed (\n -> (n + 1, n + 1))
  return (printf "%2d. %-8s %8.2f" number name (withTax net))

lines' :: IO Int
lines' = readIORef printed
