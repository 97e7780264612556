-- | Numbers of any size, and exceptions.
module Almanac.Numbers (factorial, root) where

import Control.Exception (throw, ArithException (Underflow))

factorial :: Int -> Integer
factorial n = product [1 .. fromIntegral n]

-- | The integer part of a square root.
root :: Integer -> Integer
root n
  | n < 0 = throw Underflow
  | n < 2 = n
  | otherwise = newton n
  where
    newton x = let y = (x + n `div` x) `div` 2 in if y >= x then x else newton y
