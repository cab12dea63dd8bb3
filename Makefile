# SPDX-License-Identifier: Apache-2.0
# Everything built goes to $(B); nothing is written beside a source. V=1 shows commands.
# Flags are not tracked: another flavour is another folder, as in `make B=build/clang CC=clang`.

B          ?= build
CLANG      ?= clang
PKG_CONFIG ?= pkg-config
INSTALL    ?= install
OBJCOPY    ?= objcopy
PROTOC_C   ?= protoc-c
PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
SBINDIR    ?= $(PREFIX)/sbin
LIBEXECDIR ?= $(PREFIX)/libexec/terok
MANDIR     ?= $(PREFIX)/share/man
UNITDIR    ?= $(PREFIX)/lib/systemd/system
USERUNITDIR ?= $(PREFIX)/lib/systemd/user
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DOCDIR     ?= $(PREFIX)/share/doc
DATADIR    ?= $(PREFIX)/share/terok
COMPDIR    ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR     ?= $(PREFIX)/share/zsh/site-functions
VERSION    := $(shell cat VERSION)
BPF_ARCH   := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/; s/ppc64le/powerpc/; s/s390x/s390/')

# Debian keeps bpftool where a plain user's PATH does not look
ifeq ($(origin BPFTOOL),undefined)
BPFTOOL    := $(or $(shell PATH="$$PATH:/usr/sbin:/sbin" command -v bpftool),bpftool)
endif

# Libraries, by the program that links them; the packages they come in are in tools/deps.
AGENT_PKGS     := libbpf libelf zlib json-c libseccomp libnl-3.0 sqlite3
OPENED_PKGS    := libpsl # by dlopen() where it is needed: its header is enough
LIBRARY_PKGS   := json-c # libclearance, for everybody: it needs nothing more
SANDBOX_PKGS   := json-c
CLEARANCE_PKGS := json-c ncursesw libsystemd libmicrohttpd libseccomp sqlite3
GATE_PKGS      := json-c libseccomp zlib
SIGNER_PKGS    := json-c libcrypto libseccomp sqlite3
PROXY_PKGS     := json-c libcurl libcrypto libssl libseccomp sqlite3
RPC_PKGS       := libnghttp2 libssl libcrypto libprotobuf-c
REGISTRY_PKGS  := $(RPC_PKGS) json-c sqlite3 libseccomp libcurl
AGENTD_PKGS    := $(RPC_PKGS)
TEST_PKGS      := cmocka

CFLAGS     ?= -O2 -g
WARN       := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
override CFLAGS += -std=gnu11 -D_GNU_SOURCE $(WARN) -fno-strict-aliasing -MMD -MP
override CFLAGS += -fstack-protector-strong -fPIE -DTEROK_VERSION='"$(VERSION)"'
override CFLAGS += -DTEROK_DATADIR='"$(DATADIR)"' -DTEROK_SBINDIR='"$(SBINDIR)"' -DTEROK_BINDIR='"$(BINDIR)"' \
		   -DTEROK_LIBEXECDIR='"$(LIBEXECDIR)"'
override CFLAGS += -Iinclude -Iuser -I. -I$(B)/bpf -I$(B)/hub -I$(B)/tools/web -I$(B)/user
override CFLAGS += $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer)
# no path of the machine that builds is in what is installed
MAPPED     := -ffile-prefix-map=$(abspath $(B))=build -ffile-prefix-map=$(CURDIR)=.
override CFLAGS += $(MAPPED)
override LDFLAGS += -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(if $(SAN),-fsanitize=$(SAN))
BPF_CFLAGS := -g -O2 -Wall -Werror -target bpf -mcpu=v3 -D__TARGET_ARCH_$(BPF_ARCH) \
	      -Iinclude -Ivmlinux -Ibpf -MMD -MP $(MAPPED)

# What builds nothing needs no library. `run` and `test` as root install what is missing first.
GOALS := $(or $(MAKECMDGOALS),all)
ifneq ($(filter-out clean help print-deps format vmlinux uninstall,$(GOALS)),)
ifneq ($(filter run test,$(GOALS)),)
ifeq ($(shell id -u)$(findstring n,$(firstword -$(MAKEFLAGS))),0)
DEPS_SAID  := $(shell tools/deps --install build test >&2; echo $$?)
$(if $(filter-out 0,$(DEPS_SAID)),$(error packages are missing, see above))
endif
endif
PKGS       := $(sort $(AGENT_PKGS) $(OPENED_PKGS) $(CLEARANCE_PKGS) $(SANDBOX_PKGS) $(GATE_PKGS) $(PROXY_PKGS) $(REGISTRY_PKGS) $(if $(filter test unit kernel test-kernels escape-table,$(GOALS)),$(TEST_PKGS)))
LACKING    := $(shell for p in $(PKGS); do $(PKG_CONFIG) --exists $$p 2>/dev/null || echo $$p; done)
ifneq ($(LACKING),)
$(error missing: $(LACKING); try: sudo apt-get install $(or $(shell tools/deps --missing build test),pkg-config))
endif
override CFLAGS += $(shell $(PKG_CONFIG) --cflags $(PKGS))
AGENT_LIBS     := $(shell $(PKG_CONFIG) --libs $(AGENT_PKGS))
LIBRARY_LIBS   := $(shell $(PKG_CONFIG) --libs $(LIBRARY_PKGS))
SANDBOX_LIBS   := $(shell $(PKG_CONFIG) --libs $(SANDBOX_PKGS))
CLEARANCE_LIBS := $(shell $(PKG_CONFIG) --libs $(CLEARANCE_PKGS))
GATE_LIBS      := $(shell $(PKG_CONFIG) --libs $(GATE_PKGS))
SIGNER_LIBS    := $(shell $(PKG_CONFIG) --libs $(SIGNER_PKGS))
PROXY_LIBS     := $(shell $(PKG_CONFIG) --libs $(PROXY_PKGS))
REGISTRY_LIBS  := $(shell $(PKG_CONFIG) --libs $(REGISTRY_PKGS))
AGENTD_LIBS    := $(shell $(PKG_CONFIG) --static --libs $(AGENTD_PKGS))
TEST_LIBS       = $(shell $(PKG_CONFIG) --libs $(TEST_PKGS))
endif

ifneq ($(V),1)
Q   := @
say  = @printf '  %-7s %s\n' '$(1)' '$(patsubst $(B)/%,%,$@)';
endif

# One archive per room: a program links only what its line here names, so a call in the
# wrong direction does not link.
obj            = $(patsubst %.c,$(B)/%.o,$(1))
base_OBJ      := $(call obj,$(wildcard user/base/*.c))
http_OBJ      := $(call obj,$(wildcard user/http/*.c))
service_OBJ   := $(call obj,$(wildcard user/service/*.c))
watcher_OBJ   := $(call obj,$(wildcard user/watcher/*.c))
dns_OBJ       := $(call obj,$(wildcard user/dns/*.c))
agent_OBJ     := $(call obj,$(filter-out user/bpfd.c,$(wildcard user/*.c)))
hub_OBJ       := $(call obj,$(filter-out hub/client%.c,$(wildcard hub/*.c)))
clearance_OBJ := $(call obj,$(wildcard hub/client*.c hub/wire*.c))
tool_OBJ      := $(call obj,$(wildcard tools/clearance*.c) tools/bus.c tools/why_ask.c)
WHY_SRC       := tools/why.c tools/why_ask.c
HOOK_ROOM     := $(filter-out tools/hook.c,$(wildcard tools/hook*.c))
hook_OBJ      := $(call obj,$(HOOK_ROOM))
faces_OBJ     := $(filter-out $(B)/tools/clearance.o,$(tool_OBJ))
gate_OBJ      := $(call obj,$(filter-out gate/main.c,$(wildcard gate/*.c)))
store_OBJ     := $(call obj,$(wildcard proxy/store/*.c))
signer_OBJ    := $(call obj,$(filter-out proxy/signer/main.c,$(wildcard proxy/signer/*.c)))
proxy_OBJ     := $(call obj,$(filter-out proxy/main.c,$(wildcard proxy/*.c)))
proto_OBJ     := $(patsubst user/proto/%.proto,$(B)/user/proto/%.pb-c.o,$(wildcard user/proto/*.proto))
grpc_OBJ      := $(call obj,$(wildcard user/grpc/*.c))
registry_OBJ  := $(call obj,$(filter-out user/registry/main.c,$(wildcard user/registry/*.c)))
agentd_OBJ    := $(call obj,$(filter-out user/agentd/main.c,$(wildcard user/agentd/*.c)))
sandbox_OBJ   := $(call obj,$(filter-out tools/sandbox.c,$(wildcard tools/sandbox*.c)))
bench_OBJ     := $(call obj,$(filter-out %.bpf.c,$(wildcard tools/bench/*.c)))
demo_OBJ      := $(call obj,$(wildcard tools/demo*.c))
names_OBJ     := $(call obj,$(addprefix tests/names/,server.c reply.c zone.c))
tunnel_OBJ    := $(call obj,$(addprefix tests/names/,tunnel.c tapper.c flood.c))
rooms         := $(if $(agent_OBJ),agent) $(if $(watcher_OBJ),watcher) $(if $(dns_OBJ),dns) $(if $(hub_OBJ),hub) $(if $(faces_OBJ),faces) $(if $(sandbox_OBJ),sandbox) $(if $(hook_OBJ),hook) $(if $(gate_OBJ),gate) $(if $(proxy_OBJ),proxy) $(if $(signer_OBJ),signer) $(if $(store_OBJ),store) $(if $(registry_OBJ),registry) $(if $(agentd_OBJ),agentd) $(if $(grpc_OBJ),grpc) $(if $(proto_OBJ),proto) $(if $(service_OBJ),service) $(if $(http_OBJ),http) $(if $(clearance_OBJ),clearance) base
ARCHIVES      := $(rooms:%=$(B)/lib%.a)
archives       = $(filter $(1:%=$(B)/lib%.a),$(ARCHIVES))

PROGRAMS   := $(B)/terok-bpfd $(if $(tool_OBJ),$(B)/terok-clearance) $(if $(sandbox_OBJ),$(B)/terok-sandbox) $(if $(gate_OBJ),$(B)/terok-gate) $(if $(proxy_OBJ),$(B)/terok-proxy) $(if $(registry_OBJ),$(B)/terok-cp)
# libclearance as others link it: its client side, alone, shared and static.
client_OBJ := $(filter $(B)/hub/client%,$(clearance_OBJ))
LIBRARIES  := $(if $(client_OBJ),$(B)/lib/libclearance.so.0 $(B)/lib/libclearance.a)
WHY        := $(B)/terok-why
HOOK       := $(B)/terok-hook
SIGNER     := $(B)/terok-signer
AGENTD     := $(if $(agentd_OBJ),$(B)/terok-agentd)
# What of base it is made of: it is compiled by itself, whatever flavour all else is.
HOOK_SRC   := tools/hook.c $(HOOK_ROOM) $(addprefix user/base/,addr.c container.c event.c json.c json_scan.c log.c packet.c problem.c)
BENCH      := $(if $(bench_OBJ),$(B)/terok-bench)
DEMO       := $(if $(demo_OBJ),$(B)/terok-demo)

# Tests: test_*.c is a program; every other .c of its folder, and of the folder above for
# kernel/escape, is linked into each. test_*.sh runs as it is.
test_dirs  := unit hub gate proxy registry kernel kernel/escape
tests_in    = $(patsubst %.c,$(B)/%,$(wildcard tests/$(1)/test_*.c))
support_in  = $(call obj,$(filter-out tests/$(1)/test_%.c %.bpf.c,$(wildcard tests/$(1)/*.c)))
TESTS      := $(foreach d,$(test_dirs),$(call tests_in,$(d)))
SUPPORT    := $(foreach d,$(test_dirs),$(call support_in,$(d)))
PODMAN     := $(wildcard tests/podman/test_*.sh)
INSIDE     := $(B)/tests/podman/leave $(B)/tests/podman/knock $(B)/tests/podman/limit.so $(B)/tests/podman/dies.so
MACHINE    := $(wildcard tests/machine/test_*.sh)
NAMES      := $(B)/tests/names/server $(tunnel_OBJ:.o=)
LATE       := $(B)/tests/names/late
WEB        := $(B)/tests/web/hub
GRPC_PEER  := $(B)/tests/registry/peer/grpc_peer
REG_LOAD   := $(B)/tests/registry/peer/register_load
SKEWED     := $(B)/tests/registry/peer/skewed
CROWD      := $(B)/tests/registry/peer/crowd
BUILDS     := $(addprefix $(B)/tests/kernel/builds/,first other/bpfd grown/bpfd next/bpfd)
SCRIPTS    := $(wildcard tests/lint/test_*.sh tests/unit/test_*.sh tests/hub/test_*.sh tests/gate/test_*.sh tests/proxy/test_*.sh tests/registry/test_*.sh tests/kernel/test_*.sh tests/names/test_*.sh tests/web/test_*.sh)
FUZZ       := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))

VARLINK    := $(patsubst %,$(B)/%.h,$(wildcard hub/*.varlink))
PAGE       := $(patsubst %,$(B)/%.h,$(wildcard tools/web/*))
GATE_UNITS := $(patsubst %,$(B)/%.h,$(wildcard gate/*.service gate/*.socket))
PROTO      := $(patsubst user/proto/%.proto,$(B)/user/proto/%.pb-c.h,$(wildcard user/proto/*.proto))
PROXY_UNITS := $(patsubst %,$(B)/%.h,$(wildcard proxy/*.service proxy/*.socket))
CP_UNITS   := $(patsubst %,$(B)/%.h,$(wildcard user/registry/*.service user/registry/*.socket))
SKELETONS  := $(patsubst %.bpf.c,$(B)/%.skel.h,$(wildcard bpf/*.bpf.c tests/kernel/*.bpf.c tools/bench/*.bpf.c))
ALL_OBJ    := $(sort $(B)/user/bpfd.o $(base_OBJ) $(agent_OBJ) $(dns_OBJ) $(watcher_OBJ) $(hub_OBJ) $(clearance_OBJ) \
	      $(tool_OBJ) $(hook_OBJ) $(B)/tools/sandbox.o $(sandbox_OBJ) $(B)/gate/main.o $(gate_OBJ) $(if $(proxy_OBJ),$(B)/proxy/main.o) $(proxy_OBJ) $(B)/proxy/signer/main.o $(signer_OBJ) $(store_OBJ) $(if $(registry_OBJ),$(B)/user/registry/main.o) $(registry_OBJ) $(if $(agentd_OBJ),$(B)/user/agentd/main.o) $(agentd_OBJ) $(grpc_OBJ) $(service_OBJ) $(http_OBJ) $(bench_OBJ) $(demo_OBJ) $(names_OBJ) $(tunnel_OBJ) $(LATE).o $(WEB).o $(GRPC_PEER).o $(CROWD).o $(REG_LOAD).o $(SKEWED).o $(SUPPORT) $(TESTS:=.o) $(FUZZ:=.o))
MAN1       := $(wildcard user/*.1 tools/*.1 gate/*.1 proxy/*.1)
MAN3       := $(wildcard hub/*.3)
MAN5       := $(wildcard user/*.5 gate/*.5 proxy/*.5)
MAN7       := $(wildcard user/*.7 hub/*.7)
MAN8       := $(wildcard user/*.8 tools/*.8 user/registry/*.8 user/agentd/*.8)
UNITS      := $(wildcard user/*.service user/*.socket)
HOOKS      := $(wildcard user/oci/*.json)
COMPLETED  := $(patsubst tools/completion/%.words,%,$(wildcard tools/completion/*.words))
COMPLETION := $(COMPLETED:%=$(B)/completion/bash/%) $(COMPLETED:%=$(B)/completion/zsh/_%)
# not the gate's: terok-gate install makes them for a user, with that user's places
USERUNITS  := $(wildcard hub/*.service hub/*.socket tools/*.service tools/*.socket)
LOGO       := tools/terok-logo.svg
EXAMPLES   := $(wildcard hub/example/*.c)
PROFILES   := $(wildcard user/profiles/*.txt)

all: $(PROGRAMS) $(SIGNER) $(AGENTD) $(LIBRARIES) $(WHY) $(HOOK) $(COMPLETION) ## build the programs and libclearance (the default)
	$(give_back)

$(B)/terok-bpfd: $(B)/user/bpfd.o $(call archives,agent watcher dns hub clearance base)
$(B)/terok-clearance: $(tool_OBJ) $(call archives,hub clearance base)
$(B)/terok-sandbox: $(B)/tools/sandbox.o $(call archives,sandbox base)
$(B)/terok-gate: $(B)/gate/main.o $(call archives,gate service http clearance base)
$(B)/terok-proxy: $(B)/proxy/main.o $(call archives,proxy signer store service http clearance base)
$(SIGNER): $(B)/proxy/signer/main.o $(call archives,signer store service clearance base)
$(B)/terok-cp: $(B)/user/registry/main.o $(call archives,registry grpc proto service clearance base)
$(AGENTD): $(B)/user/agentd/main.o $(call archives,agentd grpc proto base)
$(B)/terok-bench: $(bench_OBJ) $(ARCHIVES)
$(B)/terok-demo: $(demo_OBJ) $(call archives,clearance base)
$(B)/libbase.a: $(base_OBJ)
$(B)/libagent.a: $(agent_OBJ)
$(B)/libdns.a: $(dns_OBJ)
$(B)/libwatcher.a: $(watcher_OBJ)
$(B)/libhub.a: $(hub_OBJ)
$(B)/libfaces.a: $(faces_OBJ)
$(B)/libsandbox.a: $(sandbox_OBJ)
$(B)/libgate.a: $(gate_OBJ)
$(B)/libproxy.a: $(proxy_OBJ)
$(B)/libsigner.a: $(signer_OBJ)
$(B)/libstore.a: $(store_OBJ)
$(B)/libproto.a: $(proto_OBJ)
$(B)/libgrpc.a: $(grpc_OBJ)
$(B)/libregistry.a: $(registry_OBJ)
$(B)/libagentd.a: $(agentd_OBJ)
$(B)/libhttp.a: $(http_OBJ)
$(B)/libservice.a: $(service_OBJ)
$(B)/libhook.a: $(hook_OBJ)
$(B)/libclearance.a: $(clearance_OBJ)

$(PROGRAMS): private LIBS = $(AGENT_LIBS)
$(B)/terok-clearance $(DEMO): private LIBS = $(CLEARANCE_LIBS)
$(B)/terok-sandbox: private LIBS = $(SANDBOX_LIBS)
$(B)/terok-gate: private LIBS = $(GATE_LIBS)
$(B)/terok-proxy: private LIBS = $(PROXY_LIBS)
$(SIGNER): private LIBS = $(SIGNER_LIBS)
$(B)/terok-cp: private LIBS = $(REGISTRY_LIBS)
$(AGENTD): private LIBS = $(AGENTD_LIBS)
# It is copied into containers: it needs no library of whatever image that is.
$(AGENTD): private LDFLAGS += $(if $(SAN),,-static-pie)
$(BENCH): private LIBS = $(AGENT_LIBS) $(PROXY_LIBS) -lm
$(TESTS): private LIBS = $(AGENT_LIBS) $(TEST_LIBS)
$(B)/tests/unit/test_clearance_screen: | $(B)/terok-clearance
$(addprefix $(B)/tests/unit/,test_clearance_tui test_desktop) $(call tests_in,hub) $(B)/tests/kernel/test_bridge: private LIBS += $(CLEARANCE_LIBS)
$(B)/tests/unit/test_http $(call tests_in,gate): private LIBS += $(GATE_LIBS)
$(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_proxy*.c)) $(call tests_in,proxy): private LIBS += $(PROXY_LIBS)
$(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_grpc*.c tests/unit/test_registry*.c tests/unit/test_agentd*.c)) $(call tests_in,registry): private LIBS += $(REGISTRY_LIBS)
$(B)/tests/kernel/test_clock: private LIBS += -Wl,--wrap=time
$(B)/tests/unit/test_registry_auth: private LIBS += -Wl,--wrap=time
$(B)/tests/unit/test_registry_doors: private LIBS += -Wl,--wrap=doors_new,--wrap=doors_free
$(B)/tests/unit/test_http: private LIBS += -Wl,--wrap=malloc_trim
$(B)/tests/unit/test_grpc_floods: private LIBS += -Wl,--wrap=malloc,--wrap=realloc,--wrap=accept4
$(B)/tests/unit/test_lately: private LIBS += -Wl,--wrap=names_reverse
$(B)/tests/unit/test_dossiers: private LIBS += -Wl,--wrap=dossier_read
$(B)/tests/unit/test_grants: private LIBS += -Wl,--wrap=guard_info,--wrap=policy_exact,--wrap=policy_each,--wrap=names_domains
$(base_OBJ) $(clearance_OBJ): private CFLAGS += -fPIC -fno-semantic-interposition
$(TESTS:=.o): private CFLAGS += -Werror=unused-function
$(TESTS:=.o) $(SUPPORT) $(FUZZ:=.o) $(names_OBJ): private CFLAGS += -Ibpf -Itests -I$(B)/tests/kernel
$(FUZZ:=.o): private CFLAGS += -Wno-missing-prototypes
$(bench_OBJ): private CFLAGS += -Ibpf -I$(B)/tools/bench
$(ALL_OBJ): VERSION | $(SKELETONS) $(VARLINK) $(PAGE) $(PROTO)

$(foreach d,$(test_dirs),$(eval $(call tests_in,$(d)): $(call support_in,$(d))))
$(call tests_in,kernel/escape): $(call support_in,kernel)
$(B)/tests/kernel/test_bridge: $(call obj,tests/hub/bus.c tests/hub/pretend.c)
$(B)/tests/gate/test_ask $(B)/tests/proxy/test_agent_ask: $(call obj,tests/hub/session.c tests/hub/person.c)
$(TESTS): $(B)/%: $(B)/%.o $(ARCHIVES)

# The tests' name server: no library, ours included, so that it agrees with nothing by mistake.
$(B)/tests/names/server: $(names_OBJ)
$(tunnel_OBJ:.o=): %: %.o
$(B)/tests/names/tapper: private LIBS = -lm

# The agent with one mistake, which a test has to find: only here, and only by the linker.
$(LATE): $(LATE).o $(B)/user/bpfd.o $(call archives,agent watcher dns hub clearance base)
$(LATE): private LIBS = $(AGENT_LIBS) -Wl,--wrap=names_learn,--wrap=bpf_map_update_elem,--wrap=worker_send

# Builds of other days, which replace each other over the same pins: what of them differs from
# the program that ships is in a folder each. Those that read records note what they read.
builds_in   = $(call obj,$(filter-out %.bpf.c,$(wildcard tests/kernel/builds/$(1)/*.c)))
BUILDS_OBJ := $(foreach b,other grown next,$(call builds_in,$(b))) $(B)/tests/kernel/builds/counted.o
BUILDS_SKEL := $(patsubst %.bpf.c,$(B)/%.skel.h,$(wildcard tests/kernel/builds/*/*.bpf.c))
$(BUILDS): $(B)/tests/kernel/builds/counted.o $(B)/user/bpfd.o $(call archives,agent watcher dns hub clearance base)
$(foreach b,other grown next,$(eval $(B)/tests/kernel/builds/$(b)/bpfd: $(call builds_in,$(b))))
$(BUILDS): private LIBS = $(AGENT_LIBS) -Wl,--wrap=asked_note
$(BUILDS_OBJ): VERSION | $(SKELETONS) $(BUILDS_SKEL) $(VARLINK) $(PAGE)
$(B)/tests/kernel/test_upgrade $(B)/tests/kernel/test_upgrade_load $(B)/tests/kernel/test_enrol: | $(BUILDS)

$(BUILDS_OBJ): $(B)/%.o: %.c
	$(call say,CC)
	$(Q)mkdir -p $(@D) && $(CC) -I$(@D) $(CFLAGS) -Itests/kernel/builds -c $< -o $@

# The hub that a page is tried on: the real worker, and a core that a script plays.
$(WEB): $(WEB).o $(ARCHIVES)
$(WEB): private LIBS = $(AGENT_LIBS)

# gRPC by our library, for peers by another.
$(GRPC_PEER): $(GRPC_PEER).o $(call archives,grpc proto base)
$(GRPC_PEER) $(CROWD): private LIBS = $(REGISTRY_LIBS)
$(CROWD): $(CROWD).o $(call archives,registry grpc proto service clearance base)

# Many agents of the registry, for a test and for the bench.
$(REG_LOAD): $(REG_LOAD).o $(call archives,registry grpc proto service clearance base)
$(REG_LOAD): private LIBS = $(REGISTRY_LIBS)

# The control plane with a clock that a test sets: only here, and only by the linker.
$(SKEWED): $(SKEWED).o $(B)/user/registry/main.o $(call archives,registry grpc proto service clearance base)
$(SKEWED): private LIBS = $(REGISTRY_LIBS)

# Fuzz targets: in B=build/fuzz with libFuzzer's main; elsewhere with one that replays seeds.
$(FUZZ): $(B)/%: $(B)/%.o $(if $(FUZZING),,$(B)/tests/fuzz/replay.o) $(ARCHIVES)
$(FUZZ): private LIBS = $(if $(FUZZING),-fsanitize=fuzzer) $(AGENT_LIBS)
$(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/fuzz_proxy*.c)): private LIBS += $(PROXY_LIBS)
$(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/fuzz_grpc*.c tests/fuzz/fuzz_registry*.c tests/fuzz/fuzz_agentd*.c)): private LIBS += $(REGISTRY_LIBS)
$(B)/tests/fuzz/fuzz_agentd_command: private LIBS += -Wl,--wrap=child_begin,--wrap=reaper_watch,--wrap=reaper_release,--wrap=kill
$(B)/tests/fuzz/fuzz_agentd_text: private LIBS += -Wl,--wrap=fopen
$(B)/tests/fuzz/fuzz_registry_response: private LIBS += -Wl,--wrap=agents_lookup

$(PROGRAMS) $(SIGNER) $(AGENTD) $(TESTS) $(FUZZ) $(BENCH) $(DEMO) $(NAMES) $(LATE) $(WEB) $(GRPC_PEER) $(CROWD) $(REG_LOAD) $(SKEWED) $(BUILDS):
	$(call say,LD)
	$(Q)mkdir -p $(@D) && $(CC) $(LDFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(LIBS) -o $@

$(LIBRARIES): $(client_OBJ) $(call archives,clearance base) hub/libclearance.map
$(B)/lib/libclearance.so.0:
	$(call say,LD)
	$(Q)mkdir -p $(@D) && $(CC) -shared $(filter-out -pie,$(LDFLAGS)) $(if $(SAN),,-Wl,-z,defs) \
		-Wl,-soname,$(@F) -Wl,--version-script=hub/libclearance.map \
		$(filter %.o,$^) $(filter %.a,$^) $(LIBRARY_LIBS) -o $@

# One object, in which only the names that the shared one exports can be seen.
$(B)/lib/libclearance.a:
	$(call say,AR)
	$(Q)mkdir -p $(@D) && $(CC) -r -nostdlib $(filter %.o,$^) $(filter %.a,$^) -o $(@:.a=.o)
	$(Q)$(OBJCOPY) --wildcard --keep-global-symbol='terok_client_*' $(@:.a=.o)
	$(Q)rm -f $@ && $(AR) rcs $@ $(@:.a=.o)

# For containers: it needs no library, of whatever image it is copied into.
$(WHY): $(WHY_SRC) tools/why_ask.h include/terok/abi.h VERSION
	$(call say,CC)
	$(Q)mkdir -p $(@D) && $(CC) -std=gnu11 -D_GNU_SOURCE -Os -ffunction-sections $(WARN) -Iinclude -DTEROK_VERSION='"$(VERSION)"' -static -Wl,--gc-sections -s $(WHY_SRC) -o $@

# For every runtime, and for users' namespaces: it starts fast, and needs no library.
$(HOOK): $(HOOK_SRC) $(wildcard tools/hook*.h user/base/*.h) include/terok/abi.h include/terok/control_msg.h include/terok/dossier.h include/terok/names.h VERSION
	$(call say,CC)
	$(Q)mkdir -p $(@D) && $(CC) -std=gnu11 -D_GNU_SOURCE -Os -ffunction-sections -fdata-sections -fstack-protector-strong $(WARN) \
		-Iinclude -Iuser -DTEROK_VERSION='"$(VERSION)"' $(shell $(PKG_CONFIG) --cflags json-c) \
		-static -Wl,--gc-sections -s $(HOOK_SRC) $(shell $(PKG_CONFIG) --libs --static json-c) -o $@

# What runs in an image without libraries, and what a runtime preloads: no flavour of ours.
$(B)/tests/podman/leave $(B)/tests/podman/knock: $(B)/%: %.c
	$(call say,CC)
	$(Q)mkdir -p $(@D) && $(CC) -std=gnu11 -D_GNU_SOURCE -O2 $(WARN) -static $< -o $@

$(B)/tests/podman/limit.so $(B)/tests/podman/dies.so: $(B)/%.so: %.c
	$(call say,CC)
	$(Q)mkdir -p $(@D) && $(CC) -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Werror -fPIC -shared $< -o $@

$(B)/%.o: %.c
	$(call say,CC)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) -c $< -o $@

# Rewritten only when it changes: what `install PREFIX=` installs looks there too.
PLACES := $(DATADIR) $(SBINDIR) $(BINDIR) $(LIBEXECDIR)
$(B)/datadir: FORCE
	@mkdir -p $(@D) && echo '$(PLACES)' | cmp -s - $@ || echo '$(PLACES)' > $@

$(B)/user/profile_file.o $(B)/user/setup_text.o: $(B)/datadir

# What setup installs is in the program: { "terok-bpfd.service", SETUP_UNIT, "..." }, for each file.
setup_row = echo '{ "$(notdir $(1))", $(2),'; \
	sed 's/[\\"?]/\\&/g; s/\t/\\t/g; s/^/\t"/; s/$$/\\n"/' $(1); echo '},';
$(B)/user/setup_files.h: FORCE
	@mkdir -p $(@D) && { $(foreach h,$(HOOKS),$(call setup_row,$(h),SETUP_HOOK)) \
		$(foreach u,$(UNITS),$(call setup_row,$(u),SETUP_UNIT)) \
		$(foreach u,$(USERUNITS),$(call setup_row,$(u),SETUP_USER_UNIT)) } > $@.$$$$ && \
		if cmp -s $@.$$$$ $@; then rm $@.$$$$; else mv $@.$$$$ $@; fi

$(B)/user/setup_text.o: $(B)/user/setup_files.h
$(B)/user/setup_text.o: private CFLAGS += -I$(B)/user

# Rewritten only when it changes: an archive forgets a source that was removed.
$(ARCHIVES:=.list): FORCE
	@mkdir -p $(@D) && echo '$($(patsubst lib%.a.list,%,$(@F))_OBJ)' | cmp -s - $@ || \
		echo '$($(patsubst lib%.a.list,%,$(@F))_OBJ)' > $@

$(ARCHIVES): %: %.list
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

$(B)/%.bpf.o: %.bpf.c
	$(call say,BPF)
	$(Q)mkdir -p $(@D) && $(CLANG) $(BPF_CFLAGS) -MT $@ -MF $(@:.o=.d) -c $< -o $@.tmp
	$(Q)$(BPFTOOL) gen object $@ $@.tmp && rm $@.tmp

$(B)/%.skel.h: $(B)/%.bpf.o
	$(call say,SKEL)
	$(Q)$(BPFTOOL) gen skeleton $< name $(*F)_bpf > $@.tmp && mv $@.tmp $@

# org.terok.Firewall1.varlink -> static const char org_terok_Firewall1_varlink[] = "...";
$(B)/hub/%.varlink.h: hub/%.varlink
	$(call say,IDL)
	$(Q)mkdir -p $(@D) && { echo 'static const char $(subst .,_,$*)_varlink[] ='; \
		sed 's/[\\"]/\\&/g; s/\t/\\t/g; s/^/\t"/; s/$$/\\n"/' $<; echo '	"";'; } > $@.tmp && mv $@.tmp $@

# tools/web/app.js -> static const char app_js[] = "..."; the page is in the program.
$(B)/tools/web/%.h: tools/web/%
	$(call say,PAGE)
	$(Q)mkdir -p $(@D) && { echo 'static const char $(subst .,_,$*)[] ='; \
		sed 's/[\\"?]/\\&/g; s/\t/\\t/g; s/^/\t"/; s/$$/\\n"/' $<; echo '	"";'; } > $@.tmp && mv $@.tmp $@

# Messages only: protoc-c names a struct's member after each call, and one of them is `register`.
$(B)/user/proto/%.pb-c.c $(B)/user/proto/%.pb-c.h &: user/proto/%.proto
	$(call say,PROTO)
	$(Q)mkdir -p $(@D)/only && sed '/^service /,/^}/d' $< > $(@D)/only/$*.proto
	$(Q)$(PROTOC_C) -I$(@D)/only --c_out=$(@D) $(@D)/only/$*.proto
$(proto_OBJ): %.o: %.c
	$(call say,CC)
	$(Q)$(CC) $(CFLAGS) -I$(B)/user/proto -c $< -o $@

# gate/terok-gate.socket -> static const char terok_gate_socket[] = "...", which install fills in.
$(GATE_UNITS) $(PROXY_UNITS) $(CP_UNITS): $(B)/%.h: %
	$(call say,UNIT)
	$(Q)mkdir -p $(@D) && { echo 'static const char $(subst -,_,$(subst .,_,$(notdir $*)))[] ='; \
		sed 's/[\\"?]/\\&/g; s/\t/\\t/g; s/^/\t"/; s/$$/\\n"/' $<; echo '	"";'; } > $@.tmp && mv $@.tmp $@
$(B)/gate/gate.o: | $(GATE_UNITS)
$(B)/proxy/proxy.o: | $(PROXY_UNITS)
$(B)/proxy/proxy.o: private CFLAGS += -I$(B)/proxy
$(B)/user/registry/control_plane.o: | $(CP_UNITS)
$(B)/user/registry/control_plane.o: private CFLAGS += -I$(B)/user/registry
$(B)/gate/gate.o: private CFLAGS += -I$(B)/gate

# For a program with verbs as base/cli.h has them it takes a file of words, PROGRAM.words.
complete_as = sed 's/@NAME@/$(subst -,_,$*)/g; s/@PROGRAM@/$*/g'
$(B)/completion/bash/%: tools/completion/%.words tools/completion/candidates tools/completion/bash
	$(call say,WORDS)
	$(Q)mkdir -p $(@D) && { cat $<; echo; cat tools/completion/candidates tools/completion/bash | $(complete_as); } > $@.tmp && mv $@.tmp $@
$(B)/completion/zsh/_%: tools/completion/%.words tools/completion/candidates tools/completion/zsh
	$(call say,WORDS)
	$(Q)mkdir -p $(@D) && { echo '#compdef $*'; cat $<; echo; cat tools/completion/candidates tools/completion/zsh | $(complete_as); \
		echo; echo '_$(subst -,_,$*) "$$@"'; } > $@.tmp && mv $@.tmp $@

# What root built in a user's tree stays that user's to rebuild and remove.
give_back = @[ -z "$$SUDO_UID" ] || [ ! -d $(B) ] || chown -hR "$$SUDO_UID:$$SUDO_GID" $(B)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' Makefile | expand -t 16
run: $(PROGRAMS) $(DEMO) ## the main job on real input, as root; installs what is missing
	$(give_back)
	@B=$(B) tools/demo
test: $(PROGRAMS) $(SIGNER) $(AGENTD) $(WHY) $(COMPLETION) $(DEMO) $(TESTS) $(FUZZ) $(INSIDE) $(NAMES) $(LATE) $(WEB) $(GRPC_PEER) $(CROWD) $(REG_LOAD) $(SKEWED) $(BUILDS) ## all tests, as root on a real kernel; installs what is missing
	$(give_back)
	@B=$(B) tests/run $(TESTS) $(FUZZ) $(SCRIPTS) $(PODMAN) $(MACHINE)
unit: $(call tests_in,unit) $(FUZZ) ## unit tests and fuzz seeds, no privileges
	$(give_back)
	@B=$(B) tests/run $^
kernel: $(PROGRAMS) $(WHY) $(NAMES) $(filter $(B)/tests/kernel/% $(B)/tests/hub/%,$(TESTS)) | $(LATE) ## kernel and hub tests, as root
	$(give_back)
	@B=$(B) tests/run $(filter $(B)/tests/kernel/% $(B)/tests/hub/%,$^) $(filter tests/kernel/% tests/hub/%,$(SCRIPTS))
test-kernels: all $(NAMES) $(call tests_in,kernel) $(call tests_in,kernel/escape) ## the kernel tests on other kernels, in QEMU; KERNELS="5.10 6.1 newest"
	@B=$(B) tests/kernels/run $(KERNELS)

test-machine: all $(INSIDE) ## the build installed in a machine with systemd and podman, in QEMU
	$(give_back)
	@B=$(B) tests/run $(MACHINE)

escape-table: $(call tests_in,kernel/escape) ## tests/kernel/escape/TABLE.md again, from this kernel, as root
	$(give_back)
	@ESCAPE_TABLE=tests/kernel/escape/TABLE.md $(B)/tests/kernel/escape/test_escape >/dev/null 2>&1
modes-table: all $(INSIDE) ## tests/podman/MODES.md again, as root; some minutes
	$(give_back)
	@B=$(abspath $(B)) tests/podman/modes_table all
podman: $(PROGRAMS) $(WHY) $(DEMO) $(INSIDE) $(NAMES) $(BUILDS) ## tests with real containers, as root
	$(give_back)
	@B=$(B) tests/run $(PODMAN)
names: $(PROGRAMS) $(NAMES) ## people's resolvers against names, as root; NAMES_TABLE=FILE keeps the table
	$(give_back)
	@B=$(B) tests/run $(wildcard tests/names/test_*.sh)
web: $(PROGRAMS) $(WEB) ## the web page, by curl and in a browser; its screenshots are in the build folder
	$(give_back)
	@B=$(B) tests/run $(wildcard tests/web/test_*.sh)
lint: $(PROGRAMS) $(COMPLETION) ## rules of the house that a machine can check
	$(give_back)
	@tests/lint/all $(B)
check: lint unit ## what to run before each commit
asan: ## all tests with address and undefined-behaviour sanitizers, in their own build folder
	@$(MAKE) --no-print-directory B=$(B)/asan SAN=address,undefined test
bench: $(PROGRAMS) $(SIGNER) $(AGENTD) $(BENCH) $(BUILDS) $(CROWD) $(REG_LOAD) ## every figure we promise, paired and interleaved, as root
	$(give_back)
	@tools/bench/run $(B) $(BENCH_ARGS)
fuzz-targets: $(FUZZ)
fuzz: ## each fuzz target for FUZZ_SECONDS (60), in its own build folder
	@$(MAKE) --no-print-directory B=$(B)/fuzz CC="$(CLANG)" SAN=fuzzer-no-link,address,undefined FUZZING=1 fuzz-targets
	@tests/fuzz/run $(B)/fuzz
# What is installed: a folder, a mode, files. `uninstall` takes away the same.
to_sbin     = $(SBINDIR) 0755 $(filter %/terok-bpfd,$(PROGRAMS))
to_bin      = $(BINDIR) 0755 $(filter-out %/terok-bpfd,$(PROGRAMS)) $(WHY)
to_libexec  = $(LIBEXECDIR) 0755 $(HOOK) $(SIGNER) $(AGENTD)
to_lib      = $(LIBDIR) 0644 $(LIBRARIES)
to_include  = $(INCLUDEDIR)/terok 0644 $(if $(LIBRARIES),include/terok/clearance.h)
to_doc      = $(DOCDIR)/libclearance 0644 $(if $(LIBRARIES),$(EXAMPLES))
to_man1     = $(MANDIR)/man1 0644 $(MAN1)
to_man3     = $(MANDIR)/man3 0644 $(MAN3)
to_man5     = $(MANDIR)/man5 0644 $(MAN5)
to_man7     = $(MANDIR)/man7 0644 $(MAN7)
to_man8     = $(MANDIR)/man8 0644 $(MAN8)
to_profiles = $(DATADIR)/profiles 0644 $(PROFILES)
to_logo     = $(DATADIR) 0644 $(LOGO)
to_bash     = $(COMPDIR) 0644 $(COMPLETED:%=$(B)/completion/bash/%)
to_zsh      = $(ZSHDIR) 0644 $(COMPLETED:%=$(B)/completion/zsh/_%)
COPIES     := sbin bin libexec lib include doc man1 man3 man5 man7 man8 profiles logo bash zsh
# The same, with the places of programs filled in. Nothing is active by being there: that is for
# terok-bpfd setup.
to_units    = $(UNITDIR) 0644 $(UNITS)
to_user     = $(USERUNITDIR) 0644 $(USERUNITS)
to_hooks    = $(DATADIR)/hooks 0644 $(HOOKS)
to_pc       = $(LIBDIR)/pkgconfig 0644 $(if $(LIBRARIES),hub/libclearance.pc.in)
FILLED     := units user hooks pc
# name=target, in the folder of the target
LINKS      := $(BINDIR)/terok-clearance-hub=terok-clearance $(MANDIR)/man1/terok-clearance-hub.1=terok-clearance.1 \
	      $(LIBDIR)/libclearance.so=libclearance.so.0
# Folders that are nobody else's
OWN        := $(LIBEXECDIR) $(DATADIR)/hooks $(DATADIR)/profiles $(DATADIR) $(DOCDIR)/libclearance $(INCLUDEDIR)/terok

put_dir     = $(DESTDIR)$(firstword $(to_$(1)))
put_files   = $(wordlist 3,999,$(to_$(1)))
# Folders above one that is new are made with the umask, by install(1); so each is named.
above       = $(if $(filter-out / . ./,$(1)),$(call above,$(patsubst %/,%,$(dir $(1)))) $(1))
folders     = $(foreach t,$(COPIES) $(FILLED),$(if $(call put_files,$(t)),$(addprefix $(DESTDIR),$(call above,$(firstword $(to_$(t)))))))
define put
	$(if $(call put_files,$(1)),$(INSTALL) -m $(word 2,$(to_$(1))) $(call put_files,$(1)) $(call put_dir,$(1)))

endef
define fill
	sed 's,@SBINDIR@,$(SBINDIR),; s,@BINDIR@,$(BINDIR),; s,@LIBEXECDIR@,$(LIBEXECDIR),; s,@PREFIX@,$(PREFIX),; s,@INCLUDEDIR@,$(INCLUDEDIR),; s,@LIBDIR@,$(LIBDIR),; s,@VERSION@,$(VERSION),' \
		$(2) > $(call put_dir,$(1))/$(notdir $(2:.in=))
	chmod 0644 $(call put_dir,$(1))/$(notdir $(2:.in=))

endef
define link
	ln -sf $(lastword $(subst =, ,$(1))) $(DESTDIR)$(firstword $(subst =, ,$(1)))

endef
define take
	rm -f $(addprefix $(call put_dir,$(1))/,$(notdir $(patsubst %.in,%,$(call put_files,$(1)))))

endef
install: all ## to DESTDIR, under PREFIX; terok-bpfd setup makes it guard
	@for d in $(sort $(folders)); do [ -d $$d ] || $(INSTALL) -d -m 0755 $$d || exit 1; done
	$(foreach t,$(COPIES),$(call put,$(t)))
	$(foreach t,$(FILLED),$(foreach f,$(call put_files,$(t)),$(call fill,$(t),$(f))))
	$(foreach l,$(LINKS),$(call link,$(l)))
	[ -n "$(DESTDIR)" ] || [ "$$(id -u)" -ne 0 ] || ldconfig
deb: ## Debian packages, in the build folder
	+@B=$(B) MAKE="$(MAKE)" CC="$(CC)" CLANG="$(CLANG)" tools/debian/build
uninstall: ## undo install
	$(foreach t,$(COPIES) $(FILLED),$(call take,$(t)))
	rm -f $(foreach l,$(LINKS),$(DESTDIR)$(firstword $(subst =, ,$(l))))
	@for d in $(OWN); do [ ! -d $(DESTDIR)$$d ] || rmdir --ignore-fail-on-non-empty $(DESTDIR)$$d; done
format: ## clang-format in place
	find bpf include user hub tools tests -name '*.[ch]' | xargs clang-format -i
vmlinux: ## cut vmlinux/vmlinux.h again, from the running kernel
	BPFTOOL=$(BPFTOOL) CLANG=$(CLANG) vmlinux/regen
clean: ## remove the build folder
	rm -rf $(B)
print-deps: ## packages to install
	@tools/deps --list build test podman names varlink browser desktop deb

-include $(shell find $(B) -path $(B)/asan -prune -o -path $(B)/fuzz -prune -o -path $(B)/deb -prune -o -type f -name '*.d' -print 2>/dev/null)
FORCE:
.PHONY: all deb help run test unit kernel podman names web lint check asan bench fuzz fuzz-targets install uninstall \
	test-kernels test-machine escape-table modes-table format vmlinux clean print-deps FORCE
.DELETE_ON_ERROR:
.SECONDARY:
