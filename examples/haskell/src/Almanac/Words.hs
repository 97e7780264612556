-- | How often words occur: Data.Map.
module Almanac.Words (count, most) where

import Data.Char (isAlpha, toLower)
import Data.List (sortOn)
import qualified Data.Map.Strict as Map

count :: String -> Map.Map String Int
count text = Map.fromListWith (+) [(word, 1) | word <- words (map clean text)]
  where
    clean c = if isAlpha c then toLower c else ' '

most :: Int -> String -> [(String, Int)]
most n = take n . sortOn (negate . snd) . Map.toList . count
