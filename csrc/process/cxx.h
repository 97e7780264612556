/* cxx.h -- process: exceptions as C++ runtimes make them: what they are, and how they end.
** takes what a guard caught; gives its type and what it says, as text.
** Spec: Itanium C++ ABI: 2.9.5 "RTTI Layout"; Exception Handling 2.2 "Data Structures".
** SPDX-License-Identifier: MIT */
#ifndef ML_PROCESS_CXX_H
#define ML_PROCESS_CXX_H

#include <stdbool.h>
#include <stddef.h>

#include "process/process.h"

/* Writes type and what of an exception, then ends it: std::uncaught_exceptions() counts it no
** longer, its destructor runs, its memory goes. caught may be NULL. */
void ml_cxx_end(void *exception, ml_caught *caught);

/* The words for an error: "C++ exception std::out_of_range: TEXT", "an exception of Ada", or "a
** foreign exception". Written to buf, always terminated; cut to size. */
void ml_caught_text(const ml_caught *caught, char *buf, size_t size);

/* Writes what the demangler of the runtime that holds the address makes of a name; else that of
** libstdc++.so.6, if `open` allows to bring it into the process, or if it is there. False when
** there is none, or the name is none of C++: buf is then as before. */
bool ml_cxx_demangle(const char *name, uint64_t inside, bool open, char *buf, size_t size);

#endif
