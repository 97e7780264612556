/* moved.c -- spec: a Lua state that a thread made goes on in another one, when that one has ended.
** takes a script, which the first thread runs; it leaves the address of a callback as the global
** `address`, int(int). Then a native thread, which may be where the first one was, calls that,
** while the main thread is in code of Lua: prints what it got, and whether it was there; then runs
** the script's function `after`. Status 1 with a message when something fails.
** SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200112L
#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

static lua_State *L;
static const char *script;
static int *first, *second;
static int (*callback)(int);

static int check(int rc)
{
    if (rc != LUA_OK)
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
    return rc == LUA_OK;
}

static void *begin(void *failed)
{
    first = &errno;
    return check(luaL_dofile(L, script)) ? NULL : failed;
}

static void *call(void *result)
{
    second = &errno;
    *(int *)result = callback(20);
    return NULL;
}

static int in_thread(lua_State *l)
{
    pthread_t thread;
    int result = -1;
    (void)l;
    if (pthread_create(&thread, NULL, call, &result) == 0)
        pthread_join(thread, NULL);
    printf("%d %s\n", result, first == second ? "same" : "elsewhere");
    return 0;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    void *failed = NULL;
    L = luaL_newstate();
    if (argc != 2 || !L)
        return 2;
    script = argv[1];
    luaL_openlibs(L);
    lua_register(L, "in_thread", in_thread);
    if (pthread_create(&thread, NULL, begin, &failed) != 0 || pthread_join(thread, &failed) != 0)
        return 2;
    if (failed)
        return 1;
    lua_getglobal(L, "address");
    callback = (int (*)(int))(intptr_t)lua_tointeger(L, -1);
    int good = check(luaL_dostring(L, "in_thread() after()"));
    lua_close(L);
    return !good;
}
