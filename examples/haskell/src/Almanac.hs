{-# LANGUAGE ForeignFunctionInterface #-}

-- | What C may call.
module Almanac () where

import qualified Almanac.Numbers
import qualified Almanac.Price
import qualified Almanac.Report ()
import qualified Almanac.Words ()
import qualified Almanac.Workers
import Foreign.C.Types

foreign export ccall almanac_with_tax :: CDouble -> CDouble

almanac_with_tax :: CDouble -> CDouble
almanac_with_tax = realToFrac . Almanac.Price.withTax . realToFrac

foreign export ccall almanac_digits :: CInt -> IO CInt

almanac_digits :: CInt -> IO CInt
almanac_digits n
  | n < 0 = ioError (userError "there is no such factorial")
  | otherwise = return (fromIntegral (length (show (Almanac.Numbers.factorial (fromIntegral n)))))

foreign export ccall almanac_total :: CInt -> CInt -> IO CLong

almanac_total :: CInt -> CInt -> IO CLong
almanac_total threads n =
  fromIntegral <$> Almanac.Workers.total (fromIntegral threads) (fromIntegral n)
