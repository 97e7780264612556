/* orc.cpp -- bench: the works of figures.h with LLVM's ORC, over JITLink or RuntimeDyld.
** Usage: orc ENGINE throw LIST [NAME] | orc ENGINE access LIST | orc ENGINE rounds OBJECT N
**        orc ENGINE reload LIST FOLDER N     ENGINE: jitlink or rtdyld
** SPDX-License-Identifier: MIT */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <llvm/ExecutionEngine/JITLink/EHFrameSupport.h>
#include <llvm/ExecutionEngine/JITLink/JITLinkMemoryManager.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h>
#include <llvm/ExecutionEngine/Orc/RTDyldObjectLinkingLayer.h>
#include <llvm/ExecutionEngine/SectionMemoryManager.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/TargetSelect.h>

#include "figures.h"

using namespace llvm;
using namespace llvm::orc;

static ExitOnError check("error: ");

using Root = unsigned(unsigned);

static std::unique_ptr<LLJIT> engine(bool is_jitlink)
{
    LLJITBuilder builder;
    builder.setObjectLinkingLayerCreator(
        [=](ExecutionSession &es, const Triple &) -> Expected<std::unique_ptr<ObjectLayer>> {
            if (!is_jitlink)
                return std::make_unique<RTDyldObjectLinkingLayer>(
                    es, [] { return std::make_unique<SectionMemoryManager>(); });
            auto layer = std::make_unique<ObjectLinkingLayer>(
                es, check(jitlink::InProcessMemoryManager::Create()));
            layer->addPlugin(std::make_unique<EHFrameRegistrationPlugin>(
                es, std::make_unique<jitlink::InProcessEHFrameRegistrar>()));
            return layer;
        });
    builder.setJITTargetMachineBuilder(check(JITTargetMachineBuilder::detectHost()));
    auto jit = check(builder.create());
    jit->getMainJITDylib().addGenerator(
        check(DynamicLibrarySearchGenerator::GetForCurrentProcess(0)));
    return jit;
}

static std::unique_ptr<MemoryBuffer> read(const std::string &path)
{
    return check(errorOrToExpected(MemoryBuffer::getFile(path)));
}

static void add_all(LLJIT &jit, const char *list)
{
    std::ifstream in(list);
    for (std::string path; std::getline(in, path);)
        check(jit.addObjectFile(read(path)));
}

static Root *find(LLJIT &jit, const char *name)
{
    return reinterpret_cast<Root *>(check(jit.lookup(name)).getAddress());
}

static void rounds(LLJIT &jit, const char *object, unsigned n)
{
    unsigned result = 0;
    double start = now_us();
    for (unsigned i = 0; i < n; i++) {
        auto tracker = jit.getMainJITDylib().createResourceTracker();
        check(jit.addObjectFile(tracker, read(object)));
        result = find(jit, "root")(7);
        check(tracker->remove());
    }
    std::printf("round_us=%.3f result=%u\n", (now_us() - start) / n, result);
}

static void reload(LLJIT &jit, const char *list, const std::string &folder, unsigned n)
{
    std::vector<double> us;
    add_all(jit, list);
    auto tracker = jit.getMainJITDylib().createResourceTracker();
    check(jit.addObjectFile(tracker, read(folder + "/0/unit.o")));
    find(jit, "top")(0); /* links all of them */
    for (unsigned i = 1; i <= n; i++) {
        double start = now_us();
        check(tracker->remove());
        tracker = jit.getMainJITDylib().createResourceTracker();
        check(jit.addObjectFile(tracker, read(folder + (i & 1 ? "/1/unit.o" : "/0/unit.o"))));
        unsigned result = find(jit, "own")(0);
        us.push_back(now_us() - start);
        if (result != (i & 1)) {
            std::fprintf(stderr, "error: version %u after %u reloads\n", result, i);
            std::exit(1);
        }
    }
    print_median("reload_us", us.data(), n);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    InitializeNativeTarget();
    InitializeNativeTargetAsmPrinter();
    auto jit = engine(std::strcmp(argv[1], "jitlink") == 0);
    std::string what = argv[2];
    if (what == "rounds" && argc == 5) {
        rounds(*jit, argv[3], static_cast<unsigned>(std::atoi(argv[4])));
    } else if (what == "reload" && argc == 6) {
        reload(*jit, argv[3], argv[4], static_cast<unsigned>(std::atoi(argv[5])));
    } else {
        add_all(*jit, argv[3]);
        if (what == "throw") {
            if (argc > 4)
                check(jit->lookup(argv[4])); /* so that all are linked */
            measure_throw(find(*jit, "thrown"));
        } else {
            measure_access("gd", find(*jit, "gd_loop"));
        }
    }
    std::fflush(stdout);
    std::_Exit(0); /* what it costs to take all down is another work */
}
