/* ffi.h -- call: what the files that include <ffi.h> share; nobody outside this folder needs it.
** SPDX-License-Identifier: MIT */
#ifndef ML_CALL_FFI_H
#define ML_CALL_FFI_H

#include "call/signature.h"

/* Describes the fixed parameters to libffi. Errors: ML_E_UNSUPPORTED, ML_E_NOMEM. */
int ml_cif_new(ml_diag *d, const ml_signature *sig, struct ml_cif **out);
void ml_cif_free(struct ml_cif *cif);

#endif
