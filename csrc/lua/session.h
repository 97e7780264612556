/* session.h -- lua, private: what the bindings of sessions, transactions and units share.
** Finalisers run in any order, also at lua_close: so the session lies in a counted box that its own
** userdata and those of its units and transactions hold, and ends with the last of them.
** SPDX-License-Identifier: MIT */
#ifndef ML_LUA_SESSION_H
#define ML_LUA_SESSION_H

#include "link/link.h"
#include "link/places.h"
#include "lua/lua.h"

typedef struct ml_lua_box {
    ml_session *s; /* NULL once it was closed */
    unsigned holders;
    unsigned loads;                  /* transactions that are open */
    bool keep;                       /* the session is left, not freed */
    struct ml_lua_box *next, **from; /* in the list of its Lua state; *from is this box */
} ml_lua_box;

typedef struct ml_lua_unit {
    ml_lua_box *box;
    ml_unit *u; /* valid while life->alive */
    ml_life *life;
    ml_link_stats stats; /* of u, also when it is gone */
    ml_block block;
} ml_lua_unit;

void ml_lua_box_drop(ml_lua_box *box);
/* Where the list of the boxes of this Lua state begins. It stays as long as the state. */
ml_lua_box **ml_lua_boxes(lua_State *L);
/* The open session at idx; raises otherwise. */
ml_session *ml_lua_checksession(lua_State *L, int idx);
/* places.c: the atlas of this state, borrowed; NULL when memory is short. */
ml_atlas *ml_lua_atlas(lua_State *L);
/* Adds methods of units to the table on top. */
void ml_lua_set_places(lua_State *L);

/* The unit at idx; raises when it was unloaded. */
ml_lua_unit *ml_lua_checkunit(lua_State *L, int idx);
/* Pushes the userdata of a unit; with u NULL an empty one, to be filled. */
void ml_lua_pushunit(lua_State *L, ml_lua_box *box, ml_unit *u);
/* Fills an empty one; takes over a holder of the box. */
void ml_lua_fill_unit(ml_lua_unit *ud, ml_lua_box *box, ml_unit *u);

/* options.c: the options of a load, from the table at index 2. Raises for what is none. */
void ml_lua_read_options(lua_State *L, const ml_lua_box *box, ml_options *o);
/* A value of the option `bind` at arg; def in place of none, if it is not NULL. */
ml_crossing ml_lua_check_crossing(lua_State *L, int arg, const char *def);

/* What is in the transaction (unit) at index 1; raises when it has ended. */
const ml_linked *ml_lua_txn_linked(lua_State *L);
const ml_linked *ml_lua_unit_linked(lua_State *L);

/* report.c: adds methods of transactions or units, whose metatable is named, to the table on top;
** they run as with ml_lua_steady. reports: those that say what is in a load. */
void ml_lua_set_steady(lua_State *L, const char *metatable, const luaL_Reg *methods);
void ml_lua_set_reports(lua_State *L, const char *metatable);
/* Pushes moonlink.core.Stats; 1. */
int ml_lua_push_stats(lua_State *L, const ml_link_stats *s, const ml_block *block);

void ml_open_txn(lua_State *L);
void ml_open_unit(lua_State *L);
/* session:begin(options) -> transaction */
int ml_lua_begin(lua_State *L);

#endif
