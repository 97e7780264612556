/* block.h -- place: the pages of a block; private to place/. What others do with a block stands in
** region.h.
** SPDX-License-Identifier: MIT */
#ifndef ML_PLACE_BLOCK_H
#define ML_PLACE_BLOCK_H

#include "place/region.h"

/* Makes the pages of a block, whose address, size and zone are known, as wished: readable and
** writable but for code with a view. On failure they are as they were. */
int ml_block_begin(ml_diag *d, ml_wish wish, ml_block *b);
/* The pages become inaccessible and zero again; the view goes. False when the system does not take
** them back: they may then hold the old bytes, or be accessible. */
bool ml_block_end(const ml_block *b);

#endif
