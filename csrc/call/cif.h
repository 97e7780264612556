/* cif.h -- call: libffi's own description of a signature, for ffi.c and closure.c.
** SPDX-License-Identifier: MIT */
#ifndef ML_CALL_CIF_H
#define ML_CALL_CIF_H

#include <ffi.h>

struct ml_cif {
    ffi_cif cif;
    ffi_type *types[]; /* of the fixed parameters */
};

#endif
