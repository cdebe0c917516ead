// What a host may do wrong, and what may happen to it: every sequence through the C ABI, with the codes that it promises.
//
//   abi DIR SEQUENCE...
//
// DIR holds licence.bundle (2 cameras, number 1), next-2.bundle to next-5.bundle of rising numbers, and short.bundle,
// which ends soon. A sequence works on copies of them; metered/ is an activated device, whose licence allows 10 sms, a
// million frames, and any number of everything else. Says what was broken on standard error and ends with 1.
#include <brink.hpp>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "brink_trust.h"

namespace {

std::atomic<int> broken{0};
std::string_view running = "?";

void check(bool holds, const char* what, int line) {
    if (!holds) {
        ++broken;
        std::fprintf(stderr, "%.*s, line %d: %s\n", static_cast<int>(running.size()), running.data(), line, what);
    }
}

#define CHECK(condition) check((condition), #condition, __LINE__)
#define IS(expression, code) is((expression), (code), #expression, __LINE__)

void is(brink_code found, brink_code expected, const char* what, int line) {
    if (found != expected) {
        ++broken;
        std::fprintf(stderr, "%.*s, line %d: %s is %s and not %s\n", static_cast<int>(running.size()), running.data(),
                     line, what, brink_code_name(found), brink_code_name(expected));
    }
}

constexpr std::string_view CAMERA = "cam-000";
constexpr std::string_view NEAR_MISS = "analytics/near_miss";
constexpr auto PATIENCE = std::chrono::seconds(60);

using brink::detail::text;

/// A call that must be refused and must not touch what it would write.
template <class T, class Call>
void refused(Call call, brink_code expected, int line) {
    static_assert(std::is_trivially_copyable<T>::value, "compared byte by byte");
    T out;
    std::array<unsigned char, sizeof(T)> before{};
    before.fill(0xA5);
    std::memcpy(static_cast<void*>(&out), before.data(), sizeof(T));
    is(call(&out), expected, "the refused call", line);
    check(std::memcmp(&out, before.data(), sizeof(T)) == 0, "a refused call wrote to its out-parameter", line);
}

#define REFUSED(type, code, call) refused<type>([&](type* out) { return call; }, (code), __LINE__)

/// Asks again until it is so: a gate looks at its file four times a second.
template <class Ready>
bool until(Ready ready) {
    const auto end = std::chrono::steady_clock::now() + PATIENCE;
    while (!ready()) {
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

/// A folder of its own for each sequence, with a bundle in it.
class Site {
public:
    explicit Site(std::string dir) : dir_(std::move(dir)), bundle_(dir_ + "/at-" + std::string(running) + ".bundle") {
        put("licence.bundle");
    }

    [[nodiscard]] const std::string& bundle() const { return bundle_; }

    /// Replaces the bundle whole, as the agent does.
    void put(const std::string& name) const {
        const std::string from = dir_ + "/" + name;
        std::string bytes;
        if (std::FILE* file = std::fopen(from.c_str(), "rb")) {
            std::array<char, 4096> part{};
            std::size_t read = 0;
            while ((read = std::fread(part.data(), 1, part.size(), file)) > 0) {
                bytes.append(part.data(), read);
            }
            std::fclose(file);
        }
        CHECK(!bytes.empty());
        write(bytes);
    }

    void write(const std::string& bytes) const {
        const std::string temporary = bundle_ + ".temporary";
        std::FILE* file = std::fopen(temporary.c_str(), "wb");
        CHECK(file != nullptr);
        if (file != nullptr) {
            CHECK(std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size());
            CHECK(std::fclose(file) == 0);
        }
        // A directory in the way is one of the things that may happen.
        rmdir(bundle_.c_str());
        CHECK(std::rename(temporary.c_str(), bundle_.c_str()) == 0);
    }

    [[nodiscard]] brink::Gate open() const {
        auto gate = brink::Gate::open(bundle_, BRINK_TRUST);
        IS(gate.code(), BRINK_OK);
        return std::move(gate).value();
    }

    /// The gate of the activated device.
    [[nodiscard]] brink::Gate metered() const {
        auto gate = brink::Gate::open(dir_ + "/metered/licence.bundle", BRINK_TRUST);
        IS(gate.code(), BRINK_OK);
        return std::move(gate).value();
    }

private:
    std::string dir_;
    std::string bundle_;
};

std::uint64_t seq_of(const brink::GateRef& gate) { return gate.status().value().licence_seq; }
brink_code refused_of(const brink::GateRef& gate) { return gate.status().value().refused; }

// ---------------------------------------------------------------------------------------------------- bad arguments

void opening(const Site& site) {
    const brink_text path = text(site.bundle());
    const auto open = [&](brink_text at, const brink_trust* trust, brink_gate* out) {
        return brink_gate_open(at, trust, out);
    };
    REFUSED(brink_gate, BRINK_NULL_POINTER, open(brink_text{nullptr, 3}, &BRINK_TRUST, out));
    REFUSED(brink_gate, BRINK_NULL_POINTER, open(path, nullptr, out));
    IS(open(path, &BRINK_TRUST, nullptr), BRINK_NULL_POINTER);
    REFUSED(brink_gate, BRINK_OUT_OF_RANGE, open(BRINK_TEXT(""), &BRINK_TRUST, out));
    REFUSED(brink_gate, BRINK_OUT_OF_RANGE, open(brink_text{path.ptr, SIZE_MAX}, &BRINK_TRUST, out));
    REFUSED(brink_gate, BRINK_OUT_OF_RANGE, open(brink_text{path.ptr, BRINK_TEXT_BYTES_MAX + 1}, &BRINK_TRUST, out));
    // The NUL at the end was counted.
    REFUSED(brink_gate, BRINK_OUT_OF_RANGE, open(brink_text{path.ptr, path.len + 1}, &BRINK_TRUST, out));

    const auto with = [&](auto change, brink_code code, int line) {
        brink_trust trust = BRINK_TRUST;
        change(trust);
        refused<brink_gate>([&](brink_gate* out) { return open(path, &trust, out); }, code, line);
    };
#define WITH(change, code) with([](brink_trust& trust) { change; }, code, __LINE__)
    WITH(trust.issuer.ptr = nullptr, BRINK_NULL_POINTER);
    WITH(trust.issuer = BRINK_TEXT("dev-\xff"), BRINK_BAD_UTF8);
    WITH(trust.issuer = BRINK_TEXT("Dev Forge"), BRINK_BAD_ID);
    WITH(trust.issuer = BRINK_TEXT(""), BRINK_BAD_ID);
    WITH(trust.roots = nullptr, BRINK_NULL_POINTER);
    WITH(trust.roots_len = 0, BRINK_BAD_TRUST);
    WITH(trust.roots_len = SIZE_MAX, BRINK_BAD_TRUST);
    WITH(trust.threshold = 0, BRINK_BAD_TRUST);
    WITH(trust.threshold = 2, BRINK_BAD_TRUST);
    // One root alone is enough for development only.
    WITH(trust.issuer = BRINK_TEXT("forge"), BRINK_BAD_TRUST);
    static const brink_text cut{brink_trust_roots[0].ptr, 42};
    static const brink_text null{nullptr, 43};
    static const std::array<brink_text, 2> twice{brink_trust_roots[0], brink_trust_roots[0]};
    WITH(trust.roots = &cut, BRINK_BAD_TRUST);
    WITH(trust.roots = &null, BRINK_NULL_POINTER);
    WITH((trust.roots = twice.data(), trust.roots_len = 2), BRINK_BAD_TRUST);
#undef WITH
}

void asking(const brink::Gate& owner) {
    const brink_gate gate = owner.id();
    const auto ask = [&](brink_text camera, brink_text feature, brink_decision* out) {
        return brink_gate_check(gate, camera, feature, out);
    };
    const brink_text camera = text(CAMERA);
    const brink_text feature = text(NEAR_MISS);
    const std::string broken_text = "cam-\xc3(";
    REFUSED(brink_decision, BRINK_NULL_POINTER, ask(brink_text{nullptr, 7}, feature, out));
    REFUSED(brink_decision, BRINK_NULL_POINTER, ask(brink_text{nullptr, 0}, feature, out));
    REFUSED(brink_decision, BRINK_NULL_POINTER, ask(camera, brink_text{nullptr, 7}, out));
    REFUSED(brink_decision, BRINK_OUT_OF_RANGE, ask(brink_text{camera.ptr, SIZE_MAX}, feature, out));
    REFUSED(brink_decision, BRINK_OUT_OF_RANGE, ask(camera, brink_text{feature.ptr, BRINK_TEXT_BYTES_MAX + 1}, out));
    REFUSED(brink_decision, BRINK_BAD_UTF8, ask(text(broken_text), feature, out));
    REFUSED(brink_decision, BRINK_BAD_UTF8, ask(camera, text(broken_text), out));
    IS(ask(camera, feature, nullptr), BRINK_NULL_POINTER);

    // Names that nobody licensed are denied and not refused.
    CHECK(owner.allows(CAMERA, NEAR_MISS));
    CHECK(owner.check("cam-999", NEAR_MISS).value().reason == BRINK_REASON_CAMERA_NOT_LICENSED);
    CHECK(owner.check("", NEAR_MISS).value().reason == BRINK_REASON_CAMERA_NOT_LICENSED);
    CHECK(owner.check(std::string_view(), NEAR_MISS).value().reason == BRINK_REASON_CAMERA_NOT_LICENSED);
    CHECK(owner.check(CAMERA, "analytics/nothing").value().reason == BRINK_REASON_FEATURE_NOT_LICENSED);
    CHECK(owner.check("cam-001", NEAR_MISS).value().reason == BRINK_REASON_FEATURE_NOT_GRANTED);
    const brink::Decision yes = owner.check(CAMERA, NEAR_MISS).value();
    CHECK(yes.verdict == BRINK_VERDICT_ALLOW && yes.reason == BRINK_REASON_GRANTED && yes.state == BRINK_STATE_ACTIVE);
    CHECK(yes.until != BRINK_NEVER && yes.until == owner.status().value().ends_at);
}

void looking_up(const brink::Gate& owner, const brink::Gate& other) {
    const brink_gate gate = owner.id();
    const std::string broken_text = "\xff";
    const std::string longest(255, 'x');
    const std::string too_long(256, 'x');
    REFUSED(brink_camera, BRINK_NULL_POINTER, brink_gate_camera(gate, brink_text{nullptr, 1}, out));
    REFUSED(brink_camera, BRINK_OUT_OF_RANGE, brink_gate_camera(gate, brink_text{"x", SIZE_MAX}, out));
    REFUSED(brink_camera, BRINK_BAD_UTF8, brink_gate_camera(gate, text(broken_text), out));
    REFUSED(brink_camera, BRINK_BAD_ID, brink_gate_camera(gate, BRINK_TEXT(""), out));
    REFUSED(brink_camera, BRINK_BAD_ID, brink_gate_camera(gate, BRINK_TEXT("a\nb"), out));
    REFUSED(brink_camera, BRINK_BAD_ID, brink_gate_camera(gate, text(too_long), out));
    CHECK(owner.camera(longest).ok());
    IS(brink_gate_camera(gate, BRINK_TEXT("x"), nullptr), BRINK_NULL_POINTER);
    REFUSED(brink_feature, BRINK_NULL_POINTER, brink_gate_feature(gate, brink_text{nullptr, 1}, out));
    REFUSED(brink_feature, BRINK_BAD_UTF8, brink_gate_feature(gate, text(broken_text), out));
    REFUSED(brink_feature, BRINK_BAD_ID, brink_gate_feature(gate, BRINK_TEXT("near_miss"), out));
    IS(brink_gate_feature(gate, BRINK_TEXT("a/b"), nullptr), BRINK_NULL_POINTER);

    const brink::Camera camera = owner.camera(CAMERA).value();
    const brink::Feature feature = owner.feature(NEAR_MISS).value();
    CHECK(owner.allows(camera, feature));
    const auto ask = [&](brink_camera of_camera, brink_feature of_feature, brink_decision* out) {
        return brink_gate_check_handles(gate, of_camera, of_feature, out);
    };
    const brink::Camera foreign = other.camera(CAMERA).value();
    REFUSED(brink_decision, BRINK_BAD_HANDLE, ask(foreign, feature, out));
    REFUSED(brink_decision, BRINK_BAD_HANDLE, ask(camera, other.feature(NEAR_MISS).value(), out));
    REFUSED(brink_decision, BRINK_BAD_HANDLE, ask(brink_camera{camera.gate, camera.index + 40}, feature, out));
    REFUSED(brink_decision, BRINK_BAD_HANDLE, ask(brink_camera{camera.gate, UINT32_MAX}, feature, out));
    REFUSED(brink_decision, BRINK_BAD_HANDLE, ask(camera, brink_feature{feature.gate, UINT32_MAX}, out));
    REFUSED(brink_decision, BRINK_BAD_HANDLE, ask(brink_camera{0, 0}, brink_feature{0, 0}, out));
    IS(ask(camera, feature, nullptr), BRINK_NULL_POINTER);
}

void listing(brink::Gate owner) {
    const brink_gate gate = owner.id();
    IS(brink_gate_status(gate, nullptr), BRINK_NULL_POINTER);
    IS(brink_gate_grants(gate, nullptr), BRINK_NULL_POINTER);
    IS(brink_gate_refusal(gate, nullptr, 0, nullptr), BRINK_NULL_POINTER);
    REFUSED(std::size_t, BRINK_NULL_POINTER, brink_grants_count(nullptr, out));
    REFUSED(brink_grant, BRINK_NULL_POINTER, brink_grants_camera(nullptr, 0, out));
    REFUSED(brink_text, BRINK_NULL_POINTER, brink_grants_pack(nullptr, 0, 0, out));
    brink_grants_free(nullptr);

    brink_grants* list = nullptr;
    IS(brink_gate_grants(gate, &list), BRINK_OK);
    IS(brink_grants_count(list, nullptr), BRINK_NULL_POINTER);
    IS(brink_grants_camera(list, 0, nullptr), BRINK_NULL_POINTER);
    IS(brink_grants_pack(list, 0, 0, nullptr), BRINK_NULL_POINTER);
    REFUSED(brink_grant, BRINK_OUT_OF_RANGE, brink_grants_camera(list, 2, out));
    REFUSED(brink_grant, BRINK_OUT_OF_RANGE, brink_grants_camera(list, SIZE_MAX, out));
    REFUSED(brink_text, BRINK_OUT_OF_RANGE, brink_grants_pack(list, 0, 99, out));
    REFUSED(brink_text, BRINK_OUT_OF_RANGE, brink_grants_pack(list, SIZE_MAX, 0, out));
    IS(owner.close(), BRINK_OK);

    // The list outlives its gate.
    brink::Grants grants(list);
    CHECK(grants.size() == 2);
    const auto first = grants.camera(0).value();
    CHECK(first.camera == CAMERA && first.until == BRINK_NEVER && first.packs == 3);
    CHECK(grants.pack(0, 0).value() == "base" && grants.pack(0, 1).value() == "advanced_analytics");
    CHECK(grants.pack(0, 2).value() == "integration" && grants.camera(1).value().packs == 2);
    const brink::Grants moved = std::move(grants);
    CHECK(moved.size() == 2);
}

/// A component that the licence of these tests has.
const brink::Component COUNTING("processor", "counting", {"person"});
const brink::Component RTSP("source", "rtsp");

/// Everything that can be asked of a gate, each with the one code that there is for it now.
void nothing_but(brink_gate gate, brink_camera camera, brink_feature feature, brink_code code) {
    REFUSED(brink_decision, code, brink_gate_check(gate, text(CAMERA), text(NEAR_MISS), out));
    REFUSED(brink_decision, code, brink_gate_check_handles(gate, camera, feature, out));
    REFUSED(brink_camera, code, brink_gate_camera(gate, text(CAMERA), out));
    REFUSED(brink_feature, code, brink_gate_feature(gate, text(NEAR_MISS), out));
    const brink_component counting = COUNTING.raw();
    REFUSED(brink_component_decision, code, brink_gate_check_component(gate, text(CAMERA), &counting, out));
    REFUSED(std::size_t, code, brink_gate_component_features(gate, &counting, nullptr, 0, out));
    const brink::GateRef asked(gate);
    CHECK(!brink::component_allowed(&asked, CAMERA, COUNTING));
    REFUSED(brink_status, code, brink_gate_status(gate, out));
    REFUSED(brink_grants*, code, brink_gate_grants(gate, out));
    REFUSED(std::size_t, code, brink_gate_refusal(gate, nullptr, 0, out));
    IS(brink_gate_close(gate), code);
}

void closing(const Site& site) {
    brink::Gate gate = site.open();
    const brink_gate id = gate.id();
    const brink::Camera camera = gate.camera(CAMERA).value();
    const brink::Feature feature = gate.feature(NEAR_MISS).value();
    IS(brink_gate_close(id), BRINK_OK);
    nothing_but(id, camera, feature, BRINK_BAD_HANDLE);
    // A place that is free now, by the tag that no gate has.
    nothing_but(brink_gate{id.slot, 0}, camera, feature, BRINK_BAD_HANDLE);
    IS(gate.close(), BRINK_BAD_HANDLE);
    // The next gate has the place, and the handles of the one before are not its own.
    const brink::Gate next = site.open();
    CHECK(next.id().slot == id.slot && next.id().tag != id.tag);
    CHECK(next.allows(CAMERA, NEAR_MISS));
    REFUSED(brink_decision, BRINK_BAD_HANDLE, brink_gate_check_handles(next.id(), camera, feature, out));
    nothing_but(id, camera, feature, BRINK_BAD_HANDLE);
    nothing_but(brink_gate{0, 0}, camera, feature, BRINK_BAD_HANDLE);
    nothing_but(brink_gate{next.id().slot, 0}, camera, feature, BRINK_BAD_HANDLE);
    nothing_but(brink_gate{next.id().slot + 1, next.id().tag}, camera, feature, BRINK_BAD_HANDLE);
    nothing_but(brink_gate{UINT32_MAX, UINT32_MAX}, camera, feature, BRINK_BAD_HANDLE);
    CHECK(next.allows(CAMERA, NEAR_MISS));
    brink::Gate none;
    IS(none.check(CAMERA, NEAR_MISS).code(), BRINK_BAD_HANDLE);
    IS(none.close(), BRINK_BAD_HANDLE);
    CHECK(!none.allows(CAMERA, NEAR_MISS));
}

/// A component that is never allowed, with the code that says so.
void never(const brink::Gate& gate, const brink_component& component, brink_code code, int line) {
    const auto check = [&](brink_component_decision* out) {
        return brink_gate_check_component(gate.id(), text(CAMERA), &component, out);
    };
    refused<brink_component_decision>(check, code, line);
    const auto look_up = [&](std::size_t* needed) {
        return brink_gate_component_features(gate.id(), &component, nullptr, 0, needed);
    };
    refused<std::size_t>(look_up, code, line);
}

#define NEVER(code, ...) never(gate, brink_component __VA_ARGS__, (code), __LINE__)

void components_badly(const brink::Gate& gate) {
    const brink_text processor = BRINK_TEXT("processor");
    const brink_text counting = BRINK_TEXT("counting");
    const brink_text person = BRINK_TEXT("person");
    const brink_text broken_text = BRINK_TEXT("\xff");
    const brink_text null{nullptr, 3};
    NEVER(BRINK_NULL_POINTER, {null, counting, nullptr, 0});
    NEVER(BRINK_NULL_POINTER, {processor, null, nullptr, 0});
    NEVER(BRINK_NULL_POINTER, {processor, counting, nullptr, 1});
    NEVER(BRINK_NULL_POINTER, {processor, counting, &null, 1});
    NEVER(BRINK_OUT_OF_RANGE, {processor, counting, &person, SIZE_MAX});
    NEVER(BRINK_OUT_OF_RANGE, {processor, counting, &person, BRINK_CLASSES_MAX + 1});
    NEVER(BRINK_OUT_OF_RANGE, {processor, {counting.ptr, SIZE_MAX}, nullptr, 0});
    NEVER(BRINK_BAD_UTF8, {broken_text, counting, nullptr, 0});
    NEVER(BRINK_BAD_UTF8, {processor, broken_text, nullptr, 0});
    NEVER(BRINK_BAD_UTF8, {processor, counting, &broken_text, 1});
    for (const brink_text kind : {BRINK_TEXT(""), BRINK_TEXT("Processor"), BRINK_TEXT("processor "), BRINK_TEXT("base")}) {
        NEVER(BRINK_UNKNOWN_COMPONENT, {kind, counting, &person, 1});
    }
    for (const brink_text subtype : {BRINK_TEXT(""), BRINK_TEXT("Counting"), BRINK_TEXT("counting\0"), BRINK_TEXT("rtsp"),
                                     BRINK_TEXT("Advanced Analytics"), BRINK_TEXT("analytics/counting")}) {
        NEVER(BRINK_UNKNOWN_COMPONENT, {processor, subtype, &person, 1});
    }
    for (const brink_text name : {BRINK_TEXT(""), BRINK_TEXT("Person"), BRINK_TEXT("cv_models/person")}) {
        NEVER(BRINK_BAD_ID, {processor, counting, &name, 1});
    }
    NEVER(BRINK_CLASSES_MISSING, {processor, BRINK_TEXT("object_detection"), nullptr, 0});
    const brink_component good{processor, counting, &person, 1};
    REFUSED(brink_component_decision, BRINK_NULL_POINTER, brink_gate_check_component(gate.id(), text(CAMERA), nullptr, out));
    REFUSED(brink_component_decision, BRINK_NULL_POINTER, brink_gate_check_component(gate.id(), null, &good, out));
    REFUSED(std::size_t, BRINK_NULL_POINTER, brink_gate_component_features(gate.id(), nullptr, nullptr, 0, out));
    IS(brink_gate_check_component(gate.id(), text(CAMERA), &good, nullptr), BRINK_NULL_POINTER);
    IS(brink_gate_component_features(gate.id(), &good, nullptr, 0, nullptr), BRINK_NULL_POINTER);
}
#undef NEVER

/// Asserts why a component is not made, and which feature it lacks.
void lacks(const brink::Gate& gate, std::string_view camera, const brink::Component& component, brink_reason reason,
           std::string_view feature) {
    const auto decided = gate.check_component(camera, component);
    IS(decided.code(), BRINK_OK);
    CHECK(!decided->decision.allowed && decided->decision.reason == reason);
    CHECK(brink::missing(*decided) == feature);
    CHECK(!brink::component_allowed(&gate, camera, component));
}

void components(const Site& site) {
    const brink::Gate gate = site.open();
    components_badly(gate);
    for (const auto* component : {&COUNTING, &RTSP}) {
        const auto decided = gate.check_component(CAMERA, *component);
        CHECK(decided.ok() && decided->decision.allowed && decided->decision.reason == BRINK_REASON_GRANTED);
        CHECK(brink::missing(*decided).empty() && decided->decision.until == gate.status().value().ends_at);
        CHECK(brink::component_allowed(&gate, CAMERA, *component));
        // Whoever has no gate is not allowed anything.
        CHECK(!brink::component_allowed(nullptr, CAMERA, *component));
        const brink::GateRef none;
        CHECK(!brink::component_allowed(&none, CAMERA, *component));
    }
    lacks(gate, "cam-001", {"processor", "near_miss"}, BRINK_REASON_FEATURE_NOT_GRANTED, NEAR_MISS);
    lacks(gate, CAMERA, {"processor", "line_zone_manager"}, BRINK_REASON_FEATURE_NOT_LICENSED, "analytics/line_zone");
    lacks(gate, CAMERA, {"sink", "database"}, BRINK_REASON_FEATURE_NOT_LICENSED, "outputs/database_sink");
    lacks(gate, CAMERA, {"processor", "counting", {"person", "bicycle"}}, BRINK_REASON_FEATURE_NOT_LICENSED,
          "cv_models/bike");
    lacks(gate, "cam-999", RTSP, BRINK_REASON_CAMERA_NOT_LICENSED, "");
    lacks(gate, "", COUNTING, BRINK_REASON_CAMERA_NOT_LICENSED, "");

    const auto features = gate.features(COUNTING).value();
    CHECK(features.size() == 2 && gate.features(RTSP).value().empty());
    for (const auto feature : features) {
        CHECK(gate.allows(gate.camera(CAMERA).value(), feature));
    }
    const brink_component counting = COUNTING.raw();
    std::array<brink_feature, 2> room{};
    std::size_t needed = 0;
    IS(brink_gate_component_features(gate.id(), &counting, room.data(), 1, &needed), BRINK_OUT_OF_RANGE);
    CHECK(needed == 2 && room[0].gate == 0 && room[1].gate == 0);
    IS(brink_gate_component_features(gate.id(), &counting, nullptr, 2, &needed), BRINK_NULL_POINTER);
    IS(brink_gate_component_features(gate.id(), &counting, room.data(), 2, &needed), BRINK_OK);
    CHECK(room[0].index == features[0].index && room[1].index == features[1].index);
}

void bad_arguments(const Site& site) {
    opening(site);
    const brink::Gate gate = site.open();
    const brink::Gate other = site.open();
    asking(gate);
    looking_up(gate, other);
    listing(site.open());
    closing(site);
    CHECK(gate.allows(CAMERA, NEAR_MISS));
}

// ------------------------------------------------------------------------------------------------------- the bundle

/// The file is not what it was: the last good table stays in force, and the gate says why in words.
void still_in_force(const brink::Gate& gate, brink_code code, std::string_view says) {
    CHECK(until([&] { return refused_of(gate) == code; }));
    const brink::Decision decision = gate.check(CAMERA, NEAR_MISS).value();
    CHECK(decision.allowed && brink::has(decision, BRINK_FLAG_BUNDLE_REFUSED));
    const std::string words = gate.refusal().value();
    if (words.find(says) == std::string::npos) {
        ++broken;
        std::fprintf(stderr, "the refusal does not say \"%.*s\": %s\n", static_cast<int>(says.size()), says.data(),
                     words.c_str());
    }
    std::size_t needed = 0;
    std::string buffer(words.size(), '~');
    IS(brink_gate_refusal(gate.id(), buffer.data(), words.size() - 1, &needed), BRINK_OUT_OF_RANGE);
    CHECK(needed == words.size() && buffer == std::string(words.size(), '~'));
    IS(brink_gate_refusal(gate.id(), nullptr, words.size(), &needed), BRINK_NULL_POINTER);
    IS(brink_gate_refusal(gate.id(), buffer.data(), buffer.size(), &needed), BRINK_OK);
    CHECK(buffer == words);
}

void back_to_good(const Site& site, const brink::Gate& gate) {
    site.put("licence.bundle");
    CHECK(until([&] { return refused_of(gate) == BRINK_OK; }));
    CHECK(gate.refusal().value().empty());
}

void replaced(const Site& site) {
    const brink::Gate gate = site.open();
    CHECK(gate.allows(CAMERA, NEAR_MISS) && gate.refusal().value().empty());
    site.write("garbage");
    still_in_force(gate, BRINK_MALFORMED, "not a Brink bundle");
    back_to_good(site, gate);
    CHECK(std::remove(site.bundle().c_str()) == 0);
    still_in_force(gate, BRINK_BUNDLE_DAMAGED, "No such file");
    back_to_good(site, gate);
    CHECK(std::remove(site.bundle().c_str()) == 0 && mkdir(site.bundle().c_str(), 0755) == 0);
    still_in_force(gate, BRINK_BUNDLE_DAMAGED, "not a regular file");
    back_to_good(site, gate);
    CHECK(truncate(site.bundle().c_str(), 100) == 0);
    still_in_force(gate, BRINK_BUNDLE_DAMAGED, "damaged");
    site.put("next-2.bundle");
    CHECK(until([&] { return seq_of(gate) == 2; }));
    site.put("licence.bundle");
    still_in_force(gate, BRINK_ROLLBACK, "does not follow");
}

void absent(const Site& site) {
    CHECK(std::remove(site.bundle().c_str()) == 0);
    const brink::Gate gate = site.open();
    CHECK(gate.check(CAMERA, NEAR_MISS).value().reason == BRINK_REASON_UNLICENSED);
    lacks(gate, CAMERA, COUNTING, BRINK_REASON_UNLICENSED, "");
    lacks(gate, CAMERA, RTSP, BRINK_REASON_UNLICENSED, "");
    const brink::Status status = gate.status().value();
    CHECK(status.state == BRINK_STATE_UNLICENSED && status.mode == BRINK_MODE_UNLICENSED && status.licence_seq == 0);
    CHECK(status.refused == BRINK_BUNDLE_DAMAGED && status.receipt_at == BRINK_NEVER && status.cameras == 0);
    CHECK(gate.grants().value().size() == 0);
    site.put("licence.bundle");
    CHECK(until([&] { return gate.allows(CAMERA, NEAR_MISS); }));
    CHECK(gate.status().value().cameras == 2 && gate.status().value().mode == BRINK_MODE_BASE);
}

/// Permission bits bind nobody but root, so the gate is held by a child that is not root.
void unreadable(const Site& site) {
    std::array<int, 2> ready{};
    CHECK(pipe(ready.data()) == 0);
    const int before = broken;
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        constexpr uid_t NOBODY = 65534;
        if (geteuid() == 0) {
            CHECK(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
        }
        {
            const brink::Gate gate = site.open();
            CHECK(gate.allows(CAMERA, NEAR_MISS));
            CHECK(write(ready[1], "r", 1) == 1);
            still_in_force(gate, BRINK_BUNDLE_DAMAGED, "Permission denied");
        }
        _exit(broken == before ? 0 : 1);
    }
    close(ready[1]);
    char byte = 0;
    CHECK(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    CHECK(chmod(site.bundle().c_str(), 0) == 0);
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(chmod(site.bundle().c_str(), 0644) == 0);
}

/// Garbage does not prolong a licence: the last good table ends at its own deadline.
void deadline(const Site& site) {
    site.put("short.bundle");
    const brink::Gate gate = site.open();
    const brink::Decision before = gate.check(CAMERA, NEAR_MISS).value();
    CHECK(before.allowed && before.until == gate.status().value().ends_at);
    site.write("garbage");
    still_in_force(gate, BRINK_MALFORMED, "not a Brink bundle");
    CHECK(until([&] { return !gate.allows(CAMERA, NEAR_MISS); }));
    const brink::Decision after = gate.check(CAMERA, NEAR_MISS).value();
    CHECK(after.reason == BRINK_REASON_EXPIRED && after.state == BRINK_STATE_EXPIRED);
    lacks(gate, CAMERA, COUNTING, BRINK_REASON_EXPIRED, "");
    lacks(gate, CAMERA, RTSP, BRINK_REASON_EXPIRED, "");
    CHECK(gate.status().value().now >= before.until);
}

// ------------------------------------------------------------------------------------------------- threads and forks

/// Eight threads ask while bundles are swapped, handles are made, and the gate is closed under them.
void threads(const Site& site) {
    constexpr int ASKERS = 8;
    brink::Gate gate = site.open();
    const brink::GateRef shared = gate;
    const brink::Camera camera = gate.camera(CAMERA).value();
    const brink::Feature feature = gate.feature(NEAR_MISS).value();
    std::atomic<bool> closed{false};
    std::atomic<int> started{0};
    std::vector<std::thread> askers;
    for (int i = 0; i < ASKERS; ++i) {
        askers.emplace_back([&, i] {
            bool counted = false;
            // Every asker is told of the end, and none is told before it.
            for (long n = 0;; ++n) {
                const bool may_end = closed.load();
                const auto by_name = shared.check(CAMERA, NEAR_MISS);
                const auto by_handle = shared.check(camera, feature);
                const auto other = n % 64 == 0 ? shared.camera("more-" + std::to_string(i) + "-" + std::to_string(n % 1024))
                                               : brink::Result<brink::Camera>(camera);
                const auto status = shared.status();
                const auto list = n % 16 == 0 ? shared.grants() : brink::Result<brink::Grants>(brink::Grants());
                for (const brink_code code :
                     {by_name.code(), by_handle.code(), other.code(), status.code(), list.code()}) {
                    CHECK(code == BRINK_OK || code == BRINK_BAD_HANDLE);
                }
                CHECK(!by_name || by_name->allowed);
                CHECK(!by_handle || by_handle->allowed);
                if (!counted) {
                    counted = true;
                    ++started;
                }
                if (may_end) {
                    CHECK(!by_name && !by_handle && !status);
                    return;
                }
                if (broken > 20) {
                    return;
                }
            }
        });
    }
    CHECK(until([&] { return started == ASKERS; }));
    for (std::uint64_t seq = 2; seq <= 5; ++seq) {
        site.put("next-" + std::to_string(seq) + ".bundle");
        CHECK(until([&] { return seq_of(gate) == seq; }));
    }
    IS(gate.close(), BRINK_OK);
    closed = true;
    // The place is taken at once by the next gate, which they must not be answered by.
    const brink::Gate next = site.open();
    for (auto& asker : askers) {
        asker.join();
    }
    CHECK(next.allows(CAMERA, NEAR_MISS));
}

/// Two threads race to close one gate: one of them does it.
void closed_twice_at_once(const Site& site) {
    for (int round = 0; round < 50; ++round) {
        const brink_gate gate = [&] {
            brink_gate id{};
            IS(brink_gate_open(text(site.bundle()), &BRINK_TRUST, &id), BRINK_OK);
            return id;
        }();
        std::atomic<int> done{0};
        const auto close = [&] {
            const brink_code code = brink_gate_close(gate);
            CHECK(code == BRINK_OK || code == BRINK_BAD_HANDLE);
            done += code == BRINK_OK ? 1 : 0;
        };
        std::thread one(close);
        std::thread two(close);
        one.join();
        two.join();
        CHECK(done == 1);
    }
}

/// In the child the parent's gate says so at once, and a gate of its own works.
int in_the_child(const Site& site, brink_gate gate, brink_camera camera, brink_feature feature) {
    const int before = broken;
    nothing_but(gate, camera, feature, BRINK_NEEDS_REOPEN);
    nothing_but(gate, camera, feature, BRINK_NEEDS_REOPEN);
    brink::Gate own = site.open();
    CHECK(own.allows(CAMERA, NEAR_MISS));
    CHECK(own.allows(own.camera(CAMERA).value(), own.feature(NEAR_MISS).value()));
    REFUSED(brink_decision, BRINK_BAD_HANDLE, brink_gate_check_handles(own.id(), camera, feature, out));
    IS(own.close(), BRINK_OK);
    return broken == before ? 0 : 1;
}

void fork_and_ask(const Site& site, int rounds) {
    const brink::Gate gate = site.open();
    const brink::Camera camera = gate.camera(CAMERA).value();
    const brink::Feature feature = gate.feature(NEAR_MISS).value();
    for (int round = 0; round < rounds; ++round) {
        std::fflush(stdout);
        const pid_t child = fork();
        if (child == 0) {
            _exit(in_the_child(site, gate.id(), camera, feature));
        }
        int status = -1;
        pid_t ended = 0;
        CHECK(until([&] { return (ended = waitpid(child, &status, WNOHANG)) != 0; }));
        if (ended == 0) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
        }
        CHECK(ended == child && status == 0);
        CHECK(gate.allows(camera, feature));
    }
}

void forks(const Site& site) { fork_and_ask(site, 3); }

/// The same while forks fall into the middle of whatever other threads do with gates.
void forks_amid_threads(const Site& site) {
    std::atomic<bool> done{false};
    std::thread busy([&] {
        while (!done) {
            brink::Gate another = site.open();
            CHECK(another.allows(CAMERA, NEAR_MISS));
            IS(another.close(), BRINK_OK);
        }
    });
    fork_and_ask(site, 20);
    done = true;
    busy.join();
}

// ---------------------------------------------------------------------------------------------------------- metering

constexpr std::string_view SMS = "sms";
constexpr std::string_view FRAMES = "frames";

brink::Meter metered(const brink::Gate& gate) {
    auto meter = brink::Meter::open(gate);
    IS(meter.code(), BRINK_OK);
    return std::move(meter).value();
}

/// Everything that can be asked of a meter, each with the one code that there is for it now.
void no_metering(brink_meter meter, brink_line line, brink_code code) {
    REFUSED(brink_recorded, code, brink_meter_record(meter, text(SMS), text(CAMERA), brink::units(1), out));
    REFUSED(brink_line, code, brink_meter_line(meter, text(FRAMES), text(CAMERA), out));
    IS(brink_meter_record_nowait(meter, line, brink::units(1)), code);
    IS(brink_meter_flush(meter), code);
    REFUSED(brink_reservation*, code, brink_meter_reserve(meter, text(SMS), text(CAMERA), brink::units(1), out));
    REFUSED(brink_quota, code, brink_meter_quota(meter, text(SMS), out));
    IS(brink_meter_close(meter), code);
}

void metering_badly(const brink::Gate& gate, const brink::Meter& owner) {
    const brink_meter meter = owner.id();
    const brink_text sms = text(SMS);
    const brink_text camera = text(CAMERA);
    const std::string broken_text = "\xff";
    const brink_quantity too_precise{0, 1000000000000U};
    const auto record = [&](brink_text name, brink_text resource, brink_quantity quantity, brink_recorded* out) {
        return brink_meter_record(meter, name, resource, quantity, out);
    };
    IS(brink_meter_open(gate.id(), nullptr), BRINK_NULL_POINTER);
    REFUSED(brink_meter, BRINK_BAD_HANDLE, brink_meter_open(brink_gate{0, 0}, out));
    REFUSED(brink_recorded, BRINK_NULL_POINTER, record(brink_text{nullptr, 3}, camera, brink::units(1), out));
    REFUSED(brink_recorded, BRINK_NULL_POINTER, record(sms, brink_text{nullptr, 0}, brink::units(1), out));
    REFUSED(brink_recorded, BRINK_OUT_OF_RANGE, record(brink_text{sms.ptr, SIZE_MAX}, camera, brink::units(1), out));
    REFUSED(brink_recorded, BRINK_BAD_UTF8, record(text(broken_text), camera, brink::units(1), out));
    REFUSED(brink_recorded, BRINK_BAD_ID, record(BRINK_TEXT("SMS sent"), camera, brink::units(1), out));
    REFUSED(brink_recorded, BRINK_BAD_ID, record(sms, BRINK_TEXT("a\nb"), brink::units(1), out));
    REFUSED(brink_recorded, BRINK_BAD_QUANTITY, record(sms, camera, too_precise, out));
    IS(record(sms, camera, brink::units(1), nullptr), BRINK_NULL_POINTER);
    IS(brink_meter_line(meter, sms, camera, nullptr), BRINK_NULL_POINTER);
    IS(brink_meter_quota(meter, sms, nullptr), BRINK_NULL_POINTER);
    IS(brink_meter_reserve(meter, sms, camera, brink::units(1), nullptr), BRINK_NULL_POINTER);
    IS(brink_meter_record_nowait(meter, brink_line{0, 0}, brink::units(1)), BRINK_BAD_HANDLE);
    const brink_line line = owner.line(FRAMES, CAMERA).value();
    IS(brink_meter_record_nowait(meter, brink_line{line.meter, 99}, brink::units(1)), BRINK_BAD_HANDLE);
    IS(brink_meter_record_nowait(meter, line, too_precise), BRINK_BAD_QUANTITY);
    REFUSED(brink_recorded, BRINK_NULL_POINTER, brink_reservation_commit(nullptr, brink::units(1), out));
    IS(brink_reservation_release(nullptr), BRINK_NULL_POINTER);
    brink_reservation_free(nullptr);
    CHECK(owner.quota(SMS).value().used.whole == 0);
}

void metering_well(const brink::Meter& meter) {
    const auto first = meter.record(SMS, CAMERA, brink_quantity{1, 500000000000U}).value();
    CHECK(first.overage == BRINK_OVERAGE_WITHIN && first.total.whole == 1 && first.total.trillionths == 500000000000U);
    IS(meter.record(SMS, "", brink::units(9)).code(), BRINK_QUOTA_EXCEEDED);
    const auto quota = meter.quota(SMS).value();
    CHECK(quota.limited && quota.over == BRINK_OVER_DENY && quota.limit.whole == 10 && quota.resets_at == BRINK_NEVER);
    CHECK(quota.remaining.whole == 8 && quota.remaining.trillionths == 500000000000U);
    CHECK(meter.quota(FRAMES).value().resets_at != BRINK_NEVER && !meter.quota("anything").value().limited);
    {
        auto room = meter.reserve(SMS, CAMERA, brink::units(8));
        CHECK(room.ok());
        IS(meter.record(SMS, "", brink::units(1)).code(), BRINK_QUOTA_EXCEEDED);
        IS(meter.reserve(SMS, CAMERA, brink::units(8)).code(), BRINK_QUOTA_EXCEEDED);
        CHECK(room->commit(brink::units(2)).value().overage == BRINK_OVERAGE_WITHIN);
        IS(room->commit(brink::units(2)).code(), BRINK_BAD_HANDLE);
        auto another = meter.reserve(SMS, CAMERA, brink::units(6));
        IS(another->release(), BRINK_OK);
        IS(another->release(), BRINK_BAD_HANDLE);
    }
    CHECK(meter.quota(SMS).value().remaining.whole == 6);
    const auto line = meter.line(FRAMES, CAMERA).value();
    for (int frame = 0; frame < 1000; ++frame) {
        IS(meter.record_nowait(line, brink::units(1)), BRINK_OK);
    }
    IS(meter.flush(), BRINK_OK);
    CHECK(meter.quota(FRAMES).value().used.whole == 1000 && meter.quota(FRAMES).value().set_aside.whole > 0);
}

/// Threads count on one meter while another closes it: what was answered BRINK_OK is recorded.
void closed_amid_counting(const Site& site) {
    const brink::Gate gate = site.metered();
    brink::Meter meter = metered(gate);
    const brink::MeterRef shared = meter;
    const auto before = meter.quota(FRAMES).value().used.whole;
    std::atomic<std::uint64_t> counted{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&, i] {
            const auto line = shared.line(FRAMES, "cam-" + std::to_string(i));
            for (brink_code code = line.code(); code != BRINK_BAD_HANDLE;) {
                code = shared.record_nowait(*line, brink::units(1));
                counted += code == BRINK_OK ? 1 : 0;
                CHECK(code == BRINK_OK || code == BRINK_BAD_HANDLE || code == BRINK_USAGE_QUEUE_FULL ||
                      code == BRINK_QUOTA_NOT_SET_ASIDE);
                if (counted % 100 == 0) {
                    std::this_thread::yield();
                }
            }
        });
    }
    CHECK(until([&] { return counted > 500; }));
    IS(meter.close(), BRINK_OK);
    for (auto& thread : threads) {
        thread.join();
    }
    const brink::Meter next = metered(gate);
    CHECK(next.quota(FRAMES).value().used.whole == before + counted);
    CHECK(next.quota(FRAMES).value().set_aside.whole == 0);
}

/// In the child the parent's meter says so at once, also where it is destroyed, and one of its own works.
void metering_after_a_fork(const Site& site) {
    const brink::Gate gate = site.metered();
    const brink::Meter meter = metered(gate);
    const brink_line line = meter.line(FRAMES, CAMERA).value();
    IS(meter.record_nowait(line, brink::units(1)), BRINK_OK);
    auto room = meter.reserve(FRAMES, CAMERA, brink::units(1));
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        const int before = broken;
        no_metering(meter.id(), line, BRINK_NEEDS_REOPEN);
        IS(room->commit(brink::units(1)).code(), BRINK_NEEDS_REOPEN);
        room = brink::Result<brink::Reservation>(BRINK_INTERNAL);
        const brink::Gate own_gate = site.metered();
        brink::Meter own = metered(own_gate);
        CHECK(own.record(FRAMES, CAMERA, brink::units(1)).ok());
        IS(own.close(), BRINK_OK);
        _exit(broken == before ? 0 : 1);
    }
    int status = -1;
    pid_t ended = 0;
    CHECK(until([&] { return (ended = waitpid(child, &status, WNOHANG)) != 0; }));
    if (ended == 0) {
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
    }
    CHECK(ended == child && status == 0);
    CHECK(room->commit(brink::units(1)).ok());
    CHECK(meter.record(FRAMES, CAMERA, brink::units(1)).ok());
}

void metering(const Site& site) {
    const brink::Gate gate = site.metered();
    brink::Meter meter = metered(gate);
    metering_badly(gate, meter);
    metering_well(meter);
    const brink_meter id = meter.id();
    const brink_line line = meter.line(FRAMES, CAMERA).value();
    IS(meter.close(), BRINK_OK);
    no_metering(id, line, BRINK_BAD_HANDLE);
    no_metering(brink_meter{id.slot, 0}, line, BRINK_BAD_HANDLE);
    no_metering(brink_meter{UINT32_MAX, UINT32_MAX}, line, BRINK_BAD_HANDLE);
    const brink::Meter next = metered(gate);
    CHECK(next.id().slot == id.slot && next.id().tag != id.tag);
    IS(next.record_nowait(line, brink::units(1)), BRINK_BAD_HANDLE);
    no_metering(id, line, BRINK_BAD_HANDLE);
    CHECK(next.quota(FRAMES).value().set_aside.whole == 0);
    // Of a gate without a device nothing is recorded, and of one that was closed neither.
    const brink::Gate bare = site.open();
    const brink::Meter nowhere = metered(bare);
    IS(nowhere.record(SMS, CAMERA, brink::units(1)).code(), BRINK_NOT_ACTIVATED);
    brink::Gate closed = site.metered();
    const brink::Meter orphan = metered(closed);
    IS(closed.close(), BRINK_OK);
    IS(orphan.record(SMS, CAMERA, brink::units(1)).code(), BRINK_BAD_HANDLE);
    closed_amid_counting(site);
}

/// A host that forgets to close is told, and not served until it falls.
void many(const Site& site) {
    std::vector<brink::Gate> gates;
    brink_code code = BRINK_OK;
    while (gates.size() < 1000) {
        auto gate = brink::Gate::open(site.bundle(), BRINK_TRUST);
        code = gate.code();
        if (!gate) {
            break;
        }
        gates.push_back(std::move(gate).value());
    }
    IS(code, BRINK_TOO_MANY);
    CHECK(gates.size() == 256);
    gates.pop_back();
    CHECK(site.open().allows(CAMERA, NEAR_MISS));
}

struct Sequence {
    std::string_view name;
    void (*run)(const Site&);
};

constexpr std::array<Sequence, 13> SEQUENCES{{
    {"bad_arguments", bad_arguments},
    {"components", components},
    {"replaced", replaced},
    {"absent", absent},
    {"unreadable", unreadable},
    {"deadline", deadline},
    {"threads", threads},
    {"closed_twice_at_once", closed_twice_at_once},
    {"forks", forks},
    {"forks_amid_threads", forks_amid_threads},
    {"many", many},
    {"metering", metering},
    {"metering_after_a_fork", metering_after_a_fork},
}};

}  // namespace

int main(int count, char** arguments) {
    CHECK(brink_abi_version() == BRINK_ABI_VERSION);
    for (int i = 2; i < count; ++i) {
        running = arguments[i];
        const int before = broken;
        bool known = false;
        for (const auto& sequence : SEQUENCES) {
            if (sequence.name == running) {
                known = true;
                sequence.run(Site(arguments[1]));
            }
        }
        CHECK(known);
        std::printf("%s: %s\n", arguments[i], broken == before ? "as promised" : "BROKEN");
    }
    return broken == 0 && count > 2 ? 0 : 1;
}
