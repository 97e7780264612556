/* threads.c -- spec: one Lua state per thread, all running one script at the same time.
** takes a script and a number of threads; each state has its number as the script's argument.
** Prints "ok" when all scripts ended well, else the message of each that did not; status 1 then.
** SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200112L /* barriers */
#include <lauxlib.h>
#include <lualib.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 16 };

typedef struct job {
    const char *script;
    int number;
    int failed;
    pthread_barrier_t *start;
    pthread_t thread;
} job;

static int traceback(lua_State *L)
{
    luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
    return 1;
}

static void *run(void *ud)
{
    job *j = ud;
    lua_State *L = luaL_newstate();
    if (!L) {
        j->failed = 1;
        return NULL;
    }
    luaL_openlibs(L);
    lua_pushcfunction(L, traceback);
    int rc = luaL_loadfile(L, j->script);
    pthread_barrier_wait(j->start);
    if (rc == LUA_OK) {
        lua_pushinteger(L, j->number);
        rc = lua_pcall(L, 1, 0, 1);
    }
    if (rc != LUA_OK)
        fprintf(stderr, "thread %d: %s\n", j->number, lua_tostring(L, -1));
    j->failed = rc != LUA_OK;
    lua_close(L);
    return NULL;
}

int main(int argc, char **argv)
{
    job jobs[MOST];
    pthread_barrier_t start;
    int n = argc == 3 ? atoi(argv[2]) : 0, failed = 0;
    if (n < 1 || n > MOST || pthread_barrier_init(&start, NULL, (unsigned)n) != 0)
        return 2;
    for (int i = 0; i < n; i++) {
        jobs[i] = (job){.script = argv[1], .number = i + 1, .start = &start};
        if (pthread_create(&jobs[i].thread, NULL, run, &jobs[i]) != 0)
            return 2;
    }
    for (int i = 0; i < n; i++) {
        pthread_join(jobs[i].thread, NULL);
        failed |= jobs[i].failed;
    }
    if (!failed)
        puts("ok");
    return failed;
}
