-- | The module that the example edits.
module Almanac.Price (withTax) where

withTax :: Double -> Double
withTax net = net * 1.19
