---@meta moonlink.core
-- What the C core gives to Lua: csrc/lua/. Users meet it through the facade, `require "moonlink"`.
-- Addresses and sizes are integers, in bytes; inputs are numbered from 1. What fails for the world's
-- reasons gives nil and a moonlink.Error; a mistake of the caller raises.
-- SPDX-License-Identifier: MIT

---@class moonlink.core
---@field error_metatable table of moonlink.Error
local core = {}

-- ---- clock and page: core.c ----

---Seconds from a clock that never goes back.
---@return number
function core.now() end

---@param seconds number at most a day
function core.sleep(seconds) end

---@return integer bytes
function core.page_size() end

---@return string? path absolute
---@return string? message
function core.current_folder() end

---@param fd integer
---@return boolean
function core.is_terminal(fd) end

-- ---- calls: call.c ----

---A C function as a Lua function.
---@param address integer
---@param code string signature code: csrc/call/signature.h; "!" in front: always through libffi
---@param owner moonlink.core.Unit? the unit that holds the code; nil for code of the process
---@param name string? for messages
---@param types (fun(ctype: string): string)? the code letter of a variable argument's type
---@param about any what funcinfo gives back
---@param fail "never"|"negative"|"null"|"zero"|"nonzero"|nil results that become nil, message, number
---@return function
function core.func(address, code, owner, name, types, about, fail) end

---Nothing when `fn` was not made by func.
---@param fn any
---@return string name
---@return integer address
---@return moonlink.core.Unit? owner
---@return boolean alive
---@return any about
function core.funcinfo(fn) end

---What errno was when the last native call returned. With a number: what the next one finds there.
---@param number integer?
---@return integer
function core.errno(number) end

---@param number integer
---@return string
function core.strerror(number) end

-- ---- callbacks: callback.c ----

---@class moonlink.Callback: userdata
local callback = {}

---@return integer
function callback:address() end

---From here on C gets the default result. Closing twice is nothing.
function callback:close() end

---A Lua function that C can call. An error in it is raised when the native call returns, unless
---`on_error` is a function: it gets the error and gives the result. Any other on_error is the
---result that C gets instead.
---@param code string
---@param fn function
---@param options { on_error: any }?
---@return moonlink.Callback
function core.callback(code, fn, options) end

---@class moonlink.Trap: moonlink.Callback

---An address that ends the native call that reaches it with this message. The native frames between
---are skipped: their locks stay locked, their memory stays allocated, their destructors do not run.
---@param message string
---@return moonlink.Trap
function core.trap(message) end

---What could not be raised since the last time: callbacks refused, stubs called outside of a call.
---@return string[]
function core.warnings() end

---How many callbacks from other threads were refused since the last warnings().
---@return integer
function core.refused() end

-- ---- memory: memory.c ----

---@param address integer
---@param n integer
---@return string?
---@return moonlink.Error? err
function core.peek(address, n) end

---@param address integer
---@param bytes string
---@return true?
---@return moonlink.Error? err
function core.poke(address, bytes) end

---The bytes up to a NUL or to `max`.
---@param address integer
---@param max integer?
---@return string?
---@return moonlink.Error? err
function core.cstring(address, max) end

---@class moonlink.Buffer: userdata
---@operator len: integer
local buffer = {}

---@return integer
function buffer:address() end

---@param offset integer? 0 by default
---@param n integer? all that follow by default
---@return string
function buffer:get(offset, n) end

---@param bytes string
---@param offset integer? 0 by default
---@return moonlink.Buffer
function buffer:set(bytes, offset) end

function buffer:close() end

---Whether its memory stays when it is closed or collected: for threads that Lua knows nothing of.
---@param on boolean
function buffer:keep(on) end

---Memory of n bytes, all zero, aligned to 16; freed when it is closed or collected.
---@param n integer
---@return moonlink.Buffer
function core.alloc(n) end

-- ---- files that are not linked: object.c ----

---@alias moonlink.core.Kind "object"|"shared"|"program"|"core"|"elf32"|"elfbe"|"archive"|"thin"
---|"bitcode"|"macho"|"coff"|"wasm"|"text"|"empty"|"unknown"

---What a file is, by its content.
---@param path string
---@return moonlink.core.Kind?
---@return string|moonlink.Error|nil machine of 64-bit little-endian ELF, where it has a name; or the error
function core.kind(path) end

---@param bytes string the first 64 bytes of a file at least; 4096 for a safe guess at text
---@return moonlink.core.Kind
---@return string? machine
function core.kind_of(bytes) end

---@class moonlink.core.Member
---@field name string "?" when the index points at no member
---@field size integer
---@field offset integer of the data; 0 in a thin archive
---@field header integer offset of its header: what tells it from others of its name
---@field path string? thin archive: file that holds it, relative to the archive's folder

---The members of an archive in the order of the file.
---@param path string
---@return moonlink.core.Member[]?
---@return moonlink.Error? err
function core.members(path) end

---@param path string
---@param header integer
---@return string? bytes
---@return moonlink.Error? err
function core.member(path, header) end

---The member that defines a name; nil alone when none does.
---@param path string
---@param name string
---@return moonlink.core.Member?
---@return moonlink.Error? err
function core.find(path, name) end

---The index of an archive, in its own order; made when there is none.
---@param path string
---@return {name: string, header: integer}[]?
---@return moonlink.Error? err
function core.index(path) end

---@class moonlink.core.ScriptItem
---@field what "file"|"lib"|"dir"|"format"
---@field name string
---@field as_needed boolean
---@field group integer 0 outside of GROUP
---@field line integer

---@param bytes string
---@param name string of the script, for messages
---@return moonlink.core.ScriptItem[]?
---@return moonlink.Error? err
function core.ldscript(bytes, name) end

---The names in a folder, sorted, without "." and "..".
---@param path string
---@return string[]?
---@return moonlink.Error? err
function core.list_folder(path) end

-- ---- one object as tables: inspect.c ----

---@class moonlink.core.Object: userdata
local object = {}

---@class moonlink.core.Section
---@field name string
---@field type string|integer as readelf writes it, without SHT_
---@field flags string readelf's letters
---@field size integer
---@field align integer

---@class moonlink.core.Symbol
---@field name string of a section symbol: its section's
---@field place "section"|"absolute"|"common"|"undefined"
---@field section integer? number of the section
---@field bind string|integer "local", "global", "weak", "unique"
---@field type string|integer "notype", "object", "func", "section", "file", "common", "tls", "ifunc"
---@field visibility "default"|"internal"|"hidden"|"protected"
---@field value integer of a common symbol: its alignment
---@field size integer

---@class moonlink.core.Relocation
---@field section integer number of the section that it changes
---@field offset integer
---@field type string|integer the psABI's name
---@field symbol integer number of the symbol, 0: none
---@field addend integer

---@return string|integer name of the processor, or its number
function object:machine() end

---Section i of the file is element i; the null section is left out.
---@return moonlink.core.Section[]
function object:sections() end

---Symbol i of the file is element i; the null symbol is left out.
---@return moonlink.core.Symbol[]
function object:symbols() end

---Those of sections with memory.
---@return moonlink.core.Relocation[]
function object:relocations() end

---@param section integer
---@param offset integer
---@return string? name of the function that covers the place
function object:function_at(section, offset) end

---A relocatable object of any 64-bit little-endian processor. Closed by <close>.
---@param bytes string
---@param file string for messages
---@param member string?
---@return moonlink.core.Object?
---@return moonlink.Error? err
function core.object(bytes, file, member) end

-- ---- sessions: session.c ----

---@class moonlink.core.Session: userdata
local session = {}

---@return moonlink.core.Session?
---@return moonlink.Error? err
function core.session() end

---A place of the scope: "ask" waits for an answer of Lua, { set = } asks the archives of a set.
---@alias moonlink.core.Place "self"|"archives"|"process"|"ask"|{set: integer}|moonlink.core.Unit

---@class moonlink.core.BeginOptions
---@field scope moonlink.core.Place[] at most 64
---@field duplicate "error"|"first"|"last"|nil
---@field weak "first"|"own"|"process"|nil
---@field zone "near"|"low"|nil
---@field block "shared"|"unit"|nil whether its memory is part of a reservation for many
---@field pages "auto"|"small"|"huge"|"hugetlb"|nil
---@field protect "load"|"input"|"dual"|nil when and where code is sealed
---@field relax boolean? true by default
---@field bind "direct"|"got"|"stubs"|"lazy"|nil how code reaches what is outside of its load
---@field unbound moonlink.Trap? of "lazy": stands for what nobody has at its first call
---@field count "none"|"unit"|"object"|nil which calls are counted: none by default
---@field merge boolean? equal strings and constants are kept once
---@field at integer? link for this address, map nothing
---@field debug { gdb: boolean?, perf: boolean?, jitdump: boolean?, lines: boolean? }?

---@param options moonlink.core.BeginOptions
---@return moonlink.core.Transaction?
---@return moonlink.Error? err
function session:begin(options) end

---An exported name of a unit; nothing when there is none.
---@param name string
---@return integer? address
---@return integer? size
---@return integer? type STT_*
---@return moonlink.core.Unit? unit
function session:find(name) end

---A name of the libraries that were opened, then of the process.
---@param name string
---@return integer? address
function session:find_process(name) end

---@return moonlink.core.Unit[] oldest first
function session:units() end

---Ends all units, the latest first. Fails while a load or a native call is running.
---@return true?
---@return moonlink.Error? err
function session:close() end

---Whether the end of the session, be it close or the collector, leaves the memory of its units,
---for threads that nobody can see to be inside. Their destructors then run at exit.
---@param on boolean
function session:keep(on) end

---@return boolean
function session:is_closed() end

-- ---- what is in a load: report.c ----

---@class moonlink.core.Input
---@field file string
---@field member string?
---@field by string? name that pulled the member in; nil: asked for
---@field by_input integer? an input that wanted that name
---@field bytes integer

---@class moonlink.core.PlacedSection
---@field name string
---@field prot "r-x"|"r--"|"rw-"
---@field input integer
---@field address integer
---@field size integer
---@field file string? set by the facade

---@class moonlink.core.StrippedSection
---@field name string
---@field input integer
---@field size integer
---@field file string? set by the facade

---@class moonlink.core.Entry
---@field name string
---@field how "section"|"stripped"|"common"|"linker"|"absolute"|"unit"|"process"|"given"|"zero"|"lazy"|"none"
---@field provider string? unit, library or who answered; "" for the executable
---@field type string
---@field bind string
---@field visibility "default"|"internal"|"hidden"|"protected"
---@field input integer? that defines it
---@field first_reference integer? an input that refers to it
---@field references integer inputs that refer to it
---@field scope integer? place in the scope that answered
---@field address integer
---@field size integer
---@field got integer? address of its GOT slot
---@field stub integer? address of its stub
---@field exported true?
---@field in_load true? defined by this load
---@field shadowed true? its own definition gave way

---@class moonlink.core.Stats
---@field objects integer
---@field sections integer with memory
---@field symbols integer
---@field relocations integer
---@field bytes integer of input files
---@field memory integer bytes mapped
---@field text integer bytes
---@field constants integer bytes
---@field data integer bytes
---@field got_slots integer
---@field stubs integer
---@field counted integer stubs that count calls
---@field lazy integer stubs that look their function up when it is called first
---@field moved integer instructions
---@field relaxed integer GOT loads
---@field looked_up integer names asked of the process
---@field asleep integer definitions of large objects that nobody looked at while it was loaded
---@field merged? { sections: integer, bytes: integer } strings and constants kept once, bytes saved
---@field stripped? { sections: integer, bytes: integer } what `gc_sections` dropped
---@field tls integer bytes of thread-local storage that each thread has
---@field tls_block "static"|"dynamic"|nil where that lies: nil when there is none
---@field base integer address
---@field size integer bytes from there on
---@field view integer? address where its code is written (`protect = "dual"`)
---@field protections integer changes of protection that sealed it
---@field zone "near"|"low"
---@field ms table<string, number> milliseconds by stage: read, parse, select, place, relocate, protect

---What transactions and units have in common.
---@class moonlink.core.Linked: userdata
local linked = {}

---@return moonlink.core.Input[]
function linked:inputs() end

---@return moonlink.core.PlacedSection[] in the order of the inputs
function linked:sections() end

---All names that the load knew, in the order in which they came.
---@return moonlink.core.Entry[]
function linked:entries() end

---@param name string
---@return moonlink.core.Entry?
function linked:entry(name) end

---@param name string
---@return string? its `type` alone
function linked:type_of(name) end

---@return string[] what is odd in the load, and no error
function linked:warnings() end

---@return moonlink.core.StrippedSection[] in the order of the inputs
function linked:stripped() end

---@param name string
---@return integer[] inputs that refer to it
function linked:referrers(name) end

---@return moonlink.core.Stats of a unit also when it is gone
function linked:stats() end

-- ---- units: unit.c ----

---@class moonlink.core.Unit: moonlink.core.Linked
local unit = {}

---@return string also when it is gone
function unit:name() end

---@return boolean
function unit:alive() end

---@param name string
---@return string[]? names that all it leads to lacks, some maybe twice; nothing: it has no such name
function unit:missing(name) end

---Calls that were counted: by an input, to an input or a provider; `how` as of moonlink.core.Entry.
---@param reset? boolean the counts begin again at 0
---@return {input: integer, symbol: string, how: string, provider: string?, address: integer,
---  to: integer?, count: integer}[]
function unit:calls(reset) end

---@class moonlink.core.User
---@field kind "unit"|"function"|"call"|"linker"|"exit handler"|"on_exit"|"classes"|"thread"|"silent thread"
---@field count integer
---@field name? string of the unit or function
---@field unit? moonlink.core.Unit
---@field symbols? string[] what the unit takes
---@field threads? integer[] the system's numbers, up to 16
---@field why? string a silent thread cannot be asked where it is

---Who uses the unit.
---@return moonlink.core.User[]
function unit:users() end

---@class moonlink.core.Carried
---@field name string
---@field file string
---@field why? string it was not carried over; nil: it was
---@field old_size integer
---@field new_size integer 0: the new version has none

---Gives the variables of a new version the values of this one.
---@param new moonlink.core.Unit
---@return moonlink.core.Carried[]?
---@return moonlink.Error? err
function unit:carry(new) end

---The new version takes this one's place: those who use it use the new one, and it ends.
---@param new moonlink.core.Unit
---@return boolean?
---@return moonlink.Error? err
function unit:replace(new) end

---Ends the new version of a unit that is being reloaded.
---@return boolean?
---@return moonlink.Error? err
function unit:discard() end

---@param how? "refuse"|"orphan"|"force"
---@return boolean?
---@return moonlink.Error? err
function unit:unload(how) end

-- ---- child processes: isolate.c ----

---@class moonlink.core.ChildOptions
---@field timeout_ns integer?
---@field memory integer? bytes beyond what the process has
---@field output_limit integer?
---@field core boolean? a crash may leave a core file

---@class moonlink.core.Facts
---@field word "returned"|"raised"|"memory"|"unsent"|nil the child's own word
---@field how "exited"|"signaled"|"stopped"|"timeout"|"cancelled"|"lost"
---@field value integer status or signal
---@field bytes string what `encode` gave
---@field output string
---@field dropped integer bytes of output beyond the limit
---@field crash moonlink.core.Crash?

---@class moonlink.core.Crash
---@field number integer signal
---@field cause integer si_code
---@field errno integer
---@field address integer? that was accessed
---@field registers { pc: integer, sp: integer, fp: integer }
---@field backtrace { address: integer, name: string?, offset: integer?, unit: string?, file: string? }[]
---@field lines string[] where Lua was, innermost first

---Calls a function in a child process. `encode` gets true and the results, or false and what the
---handler made of the error; it returns whether that counts as returned, and bytes.
---@param options moonlink.core.ChildOptions
---@param encode fun(ok: boolean, ...): boolean, string
---@param handler fun(err: any): any
---@param fn function
---@param ... any
---@return moonlink.core.Facts?
---@return moonlink.Error? err
function core.isolate(options, encode, handler, fn, ...) end

-- ---- names: demangle.c ----

---A name as a C++ programmer wrote it; nil without a C++ runtime, or for what is no such name.
---@param name string
---@return string?
function core.demangle(name) end

return core
