-- | Haskell's own threads.
module Almanac.Workers (total) where

import Control.Concurrent
import Control.Monad (forM)

-- | Adds 1..n in some threads, each with its share.
total :: Int -> Int -> IO Int
total threads n = do
  boxes <- forM [0 .. threads - 1] $ \i -> do
    box <- newEmptyMVar
    _ <- forkIO (putMVar box $! sum [i + 1, i + 1 + threads .. n])
    return box
  sum <$> mapM takeMVar boxes
