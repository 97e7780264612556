-- Cost.hs: a tree of another package, big integers of the runtime's, a loop and lists of our own.
-- Each entry works for so many rounds and returns a check sum.
-- SPDX-License-Identifier: MIT
{-# LANGUAGE BangPatterns, ForeignFunctionInterface #-}
module Cost where

import Data.Bits (xor)
import Data.List (foldl')
import qualified Data.Map.Strict as M
import Foreign.C.Types

foreign export ccall cost_tree :: CInt -> CInt
cost_tree :: CInt -> CInt
cost_tree n = fromIntegral (M.foldl' xor 0 final + M.size final)
  where
    final = foldl' step M.empty [1 .. fromIntegral n :: Int]
    step m i = M.insertWith (+) (i * 7919 `mod` 10007) i m

foreign export ccall cost_big :: CInt -> CInt
cost_big :: CInt -> CInt
cost_big n = fromIntegral (fibs n 0 1 `mod` 1000003)
  where
    fibs :: CInt -> Integer -> Integer -> Integer
    fibs 0 !a _ = a
    fibs k a b = fibs (k - 1) b (a + b)

foreign export ccall cost_sieve :: CInt -> CInt
cost_sieve :: CInt -> CInt
cost_sieve n = fromIntegral (length (sieve [2 .. fromIntegral n :: Int]))
  where
    sieve (p : rest) = p : sieve (filter (\x -> x `mod` p /= 0) rest)
    sieve [] = []
