// The gate of Brink for C++17: "may this camera use this feature now?", answered in the calling process.
//
// Header only, over brink.h; needs neither exceptions nor RTTI.
//
// OWNERSHIP  A brink::Gate owns its gate and closes it when it is destroyed; it can be moved and not copied. What its
//            methods give back are values: a Decision, a Camera or a Feature may be kept, copied and shared. A Grants owns
//            its list; its string_views live as long as it does, also after the gate was closed.
// THREADS    Every const method may be called by any thread at any time. close(), the destructor and moving are the
//            owner's; other threads that still ask with a GateRef are answered and then told bad_handle. GateRef is the
//            plain value to give to threads whose end the owner does not wait for.
// LIFETIMES  Cameras and features are valid over every bundle until their gate is closed. After fork() the child opens a
//            gate of its own: everything on the parent's answers BRINK_NEEDS_REOPEN, and destroying it does nothing.
// METERING   A brink::Meter owns its meter: it writes what was counted and closes when it is destroyed, which has to be before
//            its gate is. A brink::Reservation owns its room; destroyed before it was settled, the room is wasted until the
//            quota's span ends.
// DENIAL     Ask `allows()` where only yes or no matters: every failure is "no". A component factory asks
//            `component_allowed()`, which takes a gate that may be absent for the same "no".
#ifndef BRINK_HPP
#define BRINK_HPP

#include "brink.h"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace brink {

/// What a call came to: BRINK_OK or why not.
using Code = brink_code;
using Decision = brink_decision;
using Status = brink_status;
using Camera = brink_camera;
using Feature = brink_feature;
using Reason = brink_reason;
using State = brink_state;
using Mode = brink_mode;
using Quantity = brink_quantity;
using Recorded = brink_recorded;
using Quota = brink_quota;
using Line = brink_line;
using ComponentDecision = brink_component_decision;

/// So many whole units.
[[nodiscard]] constexpr Quantity units(std::uint64_t number) noexcept { return Quantity{number, 0}; }

[[nodiscard]] inline std::string_view name(Code code) noexcept { return brink_code_name(code); }
[[nodiscard]] inline std::string_view name(Reason reason) noexcept { return brink_reason_name(reason); }
[[nodiscard]] inline std::string_view name(State state) noexcept { return brink_state_name(state); }
/// What a person can do about a reason.
[[nodiscard]] inline std::string_view mend(Reason reason) noexcept { return brink_reason_mend(reason); }
[[nodiscard]] constexpr bool has(const Decision& decision, brink_flag flag) noexcept {
    return (decision.flags & static_cast<std::uint32_t>(flag)) != 0;
}

/// The feature that a component lacks, category/name; empty where something else decided.
[[nodiscard]] inline std::string_view missing(const ComponentDecision& decided) noexcept { return decided.missing; }

/// A value, or the code that says why there is none.
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) noexcept : value_(std::move(value)) {}
    /// BRINK_OK is no failure, so it becomes one.
    Result(Code code) noexcept : code_(code == BRINK_OK ? BRINK_INTERNAL : code) {}

    [[nodiscard]] bool ok() const noexcept { return code_ == BRINK_OK; }
    explicit operator bool() const noexcept { return ok(); }
    [[nodiscard]] Code code() const noexcept { return code_; }

    /// The value; one that was made by default where there is none, so that reading it is never undefined.
    [[nodiscard]] const T& value() const& noexcept { return value_; }
    [[nodiscard]] T& value() & noexcept { return value_; }
    [[nodiscard]] T value() && noexcept { return std::move(value_); }
    [[nodiscard]] const T& operator*() const& noexcept { return value_; }
    [[nodiscard]] T& operator*() & noexcept { return value_; }
    [[nodiscard]] const T* operator->() const noexcept { return &value_; }
    [[nodiscard]] T* operator->() noexcept { return &value_; }

private:
    T value_{};
    Code code_ = BRINK_OK;
};

namespace detail {

/// An empty view has no pointer of its own, and NULL would be refused as such.
[[nodiscard]] inline brink_text text(std::string_view view) noexcept {
    return brink_text{view.data() == nullptr ? "" : view.data(), view.size()};
}

[[nodiscard]] inline std::string_view view(brink_text text) noexcept { return {text.ptr, text.len}; }

}  // namespace detail

/// The cameras of a licence and their packs, as they were when they were asked for.
class [[nodiscard]] Grants {
public:
    struct Entry {
        std::string_view camera;
        /// BRINK_NEVER where the grant ends with the licence.
        std::int64_t until = BRINK_NEVER;
        std::size_t packs = 0;
    };

    Grants() noexcept = default;
    explicit Grants(brink_grants* list) noexcept : list_(list) {}
    Grants(const Grants&) = delete;
    Grants& operator=(const Grants&) = delete;
    Grants(Grants&& other) noexcept : list_(std::exchange(other.list_, nullptr)) {}
    Grants& operator=(Grants&& other) noexcept {
        std::swap(list_, other.list_);
        return *this;
    }
    ~Grants() { brink_grants_free(list_); }

    [[nodiscard]] std::size_t size() const noexcept {
        std::size_t count = 0;
        return brink_grants_count(list_, &count) == BRINK_OK ? count : 0;
    }

    [[nodiscard]] Result<Entry> camera(std::size_t index) const noexcept {
        brink_grant grant{};
        if (const Code code = brink_grants_camera(list_, index, &grant); code != BRINK_OK) {
            return code;
        }
        return Entry{detail::view(grant.camera), grant.until, grant.packs};
    }

    [[nodiscard]] Result<std::string_view> pack(std::size_t index, std::size_t pack) const noexcept {
        brink_text text{};
        if (const Code code = brink_grants_pack(list_, index, pack, &text); code != BRINK_OK) {
            return code;
        }
        return detail::view(text);
    }

private:
    brink_grants* list_ = nullptr;
};

/// A part of a camera's pipeline, as its host names it: kind, subtype, and the classes that it looks for. Its texts are
/// views of somebody else's, which have to live as long as it is asked for.
class Component {
public:
    Component(std::string_view kind, std::string_view subtype) : kind_(detail::text(kind)), subtype_(detail::text(subtype)) {}
    Component(std::string_view kind, std::string_view subtype, std::initializer_list<std::string_view> classes)
        : Component(kind, subtype) {
        for (const auto name : classes) {
            add_class(name);
        }
    }

    /// Asks for one class more, as a detector's settings list them.
    void add_class(std::string_view name) { classes_.push_back(detail::text(name)); }

    [[nodiscard]] std::string_view kind() const noexcept { return detail::view(kind_); }
    [[nodiscard]] std::string_view subtype() const noexcept { return detail::view(subtype_); }
    /// As C reads it: valid until this one is changed or destroyed.
    [[nodiscard]] brink_component raw() const noexcept {
        return brink_component{kind_, subtype_, classes_.data(), classes_.size()};
    }

private:
    brink_text kind_;
    brink_text subtype_;
    std::vector<brink_text> classes_;
};

/// A gate that somebody else owns. A plain value; all of its methods may be called by any thread.
class GateRef {
public:
    GateRef() noexcept = default;
    explicit GateRef(brink_gate id) noexcept : id_(id) {}

    [[nodiscard]] brink_gate id() const noexcept { return id_; }

    /// May the camera use the feature now? No lock, no allocation, no system call.
    [[nodiscard]] Result<Decision> check(std::string_view camera, std::string_view feature) const noexcept {
        Decision decision{};
        const Code code = brink_gate_check(id_, detail::text(camera), detail::text(feature), &decision);
        return code == BRINK_OK ? Result<Decision>(decision) : Result<Decision>(code);
    }

    /// The same by handles, several times as fast: for every frame.
    [[nodiscard]] Result<Decision> check(Camera camera, Feature feature) const noexcept {
        Decision decision{};
        const Code code = brink_gate_check_handles(id_, camera, feature, &decision);
        return code == BRINK_OK ? Result<Decision>(decision) : Result<Decision>(code);
    }

    /// Yes or no, and every failure is "no".
    [[nodiscard]] bool allows(std::string_view camera, std::string_view feature) const noexcept {
        Decision decision{};
        const Code code = brink_gate_check(id_, detail::text(camera), detail::text(feature), &decision);
        return code == BRINK_OK && decision.allowed;
    }

    [[nodiscard]] bool allows(Camera camera, Feature feature) const noexcept {
        Decision decision{};
        return brink_gate_check_handles(id_, camera, feature, &decision) == BRINK_OK && decision.allowed;
    }

    /// Looks a camera up once. It need not be licensed yet.
    [[nodiscard]] Result<Camera> camera(std::string_view name) const noexcept {
        Camera camera{};
        const Code code = brink_gate_camera(id_, detail::text(name), &camera);
        return code == BRINK_OK ? Result<Camera>(camera) : Result<Camera>(code);
    }

    /// Looks a feature up once, written as category/name.
    [[nodiscard]] Result<Feature> feature(std::string_view name) const noexcept {
        Feature feature{};
        const Code code = brink_gate_feature(id_, detail::text(name), &feature);
        return code == BRINK_OK ? Result<Feature>(feature) : Result<Feature>(code);
    }

    /// May the component be made for the camera now? Where not, the reason, or the code, and the feature that is missing.
    [[nodiscard]] Result<ComponentDecision> check_component(std::string_view camera,
                                                            const Component& component) const noexcept {
        ComponentDecision decided{};
        const brink_component raw = component.raw();
        const Code code = brink_gate_check_component(id_, detail::text(camera), &raw, &decided);
        return code == BRINK_OK ? Result<ComponentDecision>(decided) : Result<ComponentDecision>(code);
    }

    /// Looks up once the features that a component needs, for its frames. A source needs none.
    [[nodiscard]] Result<std::vector<Feature>> features(const Component& component) const {
        const brink_component raw = component.raw();
        // Its own, and one for every class.
        std::vector<Feature> found(raw.classes_len + 1);
        std::size_t needed = 0;
        const Code code = brink_gate_component_features(id_, &raw, found.data(), found.size(), &needed);
        if (code != BRINK_OK) {
            return code;
        }
        found.resize(needed);
        return found;
    }

    /// What is in force, and until when.
    [[nodiscard]] Result<Status> status() const noexcept {
        Status status{};
        const Code code = brink_gate_status(id_, &status);
        return code == BRINK_OK ? Result<Status>(status) : Result<Status>(code);
    }

    /// Why the file as it stands is not in force, in words; empty when it is.
    [[nodiscard]] Result<std::string> refusal() const {
        std::string words;
        std::size_t needed = 0;
        Code code = brink_gate_refusal(id_, nullptr, 0, &needed);
        // The gate may find another reason between two looks.
        while (code == BRINK_OUT_OF_RANGE) {
            words.resize(needed);
            code = brink_gate_refusal(id_, words.data(), words.size(), &needed);
        }
        if (code != BRINK_OK) {
            return code;
        }
        words.resize(needed);
        return words;
    }

    /// What the licence grants, to be shown.
    [[nodiscard]] Result<Grants> grants() const noexcept {
        brink_grants* list = nullptr;
        if (const Code code = brink_gate_grants(id_, &list); code != BRINK_OK) {
            return code;
        }
        return Grants(list);
    }

private:
    brink_gate id_{};
};

/// May this component be made for this camera now? Yes or no: without a gate, with one that was closed, for what no rule
/// names and for every failure it is "no". A factory that was never given a gate makes nothing.
[[nodiscard]] inline bool component_allowed(const GateRef* gate, std::string_view camera,
                                            const Component& component) noexcept {
    if (gate == nullptr) {
        return false;
    }
    const auto decided = gate->check_component(camera, component);
    return decided.ok() && decided->decision.allowed;
}

/// An open gate. Closed when it is destroyed.
class [[nodiscard]] Gate : public GateRef {
public:
    /// Opens the gate of a bundle file, believing these root keys alone. An absent or refused bundle is no failure: the
    /// gate denies and takes up the first good one within a second.
    [[nodiscard]] static Result<Gate> open(std::string_view path, const brink_trust& trust) noexcept {
        brink_gate id{};
        if (const Code code = brink_gate_open(detail::text(path), &trust, &id); code != BRINK_OK) {
            return code;
        }
        return Gate(id);
    }

    /// No gate: it answers BRINK_BAD_HANDLE.
    Gate() noexcept = default;
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;
    Gate(Gate&& other) noexcept : GateRef(other) { other.forget(); }
    Gate& operator=(Gate&& other) noexcept {
        if (this != &other) {
            static_cast<void>(close());
            GateRef::operator=(other);
            other.forget();
        }
        return *this;
    }
    ~Gate() { static_cast<void>(close()); }

    /// Closes it now; a second time answers BRINK_BAD_HANDLE.
    Code close() noexcept {
        const brink_gate id = this->id();
        forget();
        return brink_gate_close(id);
    }

private:
    explicit Gate(brink_gate id) noexcept : GateRef(id) {}
    void forget() noexcept { GateRef::operator=(GateRef()); }
};

/// Room for work whose size is known afterwards. One thread's at a time.
class [[nodiscard]] Reservation {
public:
    Reservation() noexcept = default;
    explicit Reservation(brink_reservation* room) noexcept : room_(room) {}
    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;
    Reservation(Reservation&& other) noexcept : room_(std::exchange(other.room_, nullptr)) {}
    Reservation& operator=(Reservation&& other) noexcept {
        std::swap(room_, other.room_);
        return *this;
    }
    ~Reservation() { brink_reservation_free(room_); }

    /// Records what the work came to, durably, and gives the rest back. After a failure it can be tried again.
    [[nodiscard]] Result<Recorded> commit(Quantity actual) noexcept {
        Recorded recorded{};
        const Code code = brink_reservation_commit(room_, actual, &recorded);
        return code == BRINK_OK ? Result<Recorded>(recorded) : Result<Recorded>(code);
    }

    /// Gives all of it back: nothing was done.
    Code release() noexcept { return brink_reservation_release(room_); }

private:
    brink_reservation* room_ = nullptr;
};

/// A meter that somebody else owns. A plain value; all of its methods may be called by any thread.
class MeterRef {
public:
    MeterRef() noexcept = default;
    explicit MeterRef(brink_meter id) noexcept : id_(id) {}

    [[nodiscard]] brink_meter id() const noexcept { return id_; }

    /// Records a use, if its quota allows it. Durable when it succeeds; a denial leaves no trace. An empty resource is the
    /// device as a whole.
    [[nodiscard]] Result<Recorded> record(std::string_view meter, std::string_view resource,
                                          Quantity quantity) const noexcept {
        Recorded recorded{};
        const Code code = brink_meter_record(id_, detail::text(meter), detail::text(resource), quantity, &recorded);
        return code == BRINK_OK ? Result<Recorded>(recorded) : Result<Recorded>(code);
    }

    /// Looks up once what is counted and by whom, for record_nowait.
    [[nodiscard]] Result<Line> line(std::string_view meter, std::string_view resource) const noexcept {
        Line line{};
        const Code code = brink_meter_line(id_, detail::text(meter), detail::text(resource), &line);
        return code == BRINK_OK ? Result<Line>(line) : Result<Line>(code);
    }

    /// Counts a use and returns at once: durable within 50 ms. For every frame.
    [[nodiscard]] Code record_nowait(Line line, Quantity quantity) const noexcept {
        return brink_meter_record_nowait(id_, line, quantity);
    }

    /// Writes what was counted, now.
    [[nodiscard]] Code flush() const noexcept { return brink_meter_flush(id_); }

    /// Holds room for work whose size is known afterwards, at most `max`.
    [[nodiscard]] Result<Reservation> reserve(std::string_view meter, std::string_view resource,
                                              Quantity max) const noexcept {
        brink_reservation* room = nullptr;
        const Code code = brink_meter_reserve(id_, detail::text(meter), detail::text(resource), max, &room);
        return code == BRINK_OK ? Result<Reservation>(Reservation(room)) : Result<Reservation>(code);
    }

    /// How a quota stands: what is left, and when the count begins again.
    [[nodiscard]] Result<Quota> quota(std::string_view meter) const noexcept {
        Quota quota{};
        const Code code = brink_meter_quota(id_, detail::text(meter), &quota);
        return code == BRINK_OK ? Result<Quota>(quota) : Result<Quota>(code);
    }

private:
    brink_meter id_{};
};

/// An open meter. Written to its end and closed when it is destroyed.
class [[nodiscard]] Meter : public MeterRef {
public:
    /// Opens the meter of a gate, in the journal beside the gate's bundle.
    [[nodiscard]] static Result<Meter> open(const GateRef& gate) noexcept {
        brink_meter id{};
        if (const Code code = brink_meter_open(gate.id(), &id); code != BRINK_OK) {
            return code;
        }
        return Meter(id);
    }

    /// No meter: it answers BRINK_BAD_HANDLE.
    Meter() noexcept = default;
    Meter(const Meter&) = delete;
    Meter& operator=(const Meter&) = delete;
    Meter(Meter&& other) noexcept : MeterRef(other) { other.forget(); }
    Meter& operator=(Meter&& other) noexcept {
        if (this != &other) {
            static_cast<void>(close());
            MeterRef::operator=(other);
            other.forget();
        }
        return *this;
    }
    ~Meter() { static_cast<void>(close()); }

    /// Closes it now. Where the last of what was counted cannot be written, it says why and stays open.
    Code close() noexcept {
        const Code code = brink_meter_close(id());
        if (code == BRINK_OK) {
            forget();
        }
        return code;
    }

private:
    explicit Meter(brink_meter id) noexcept : MeterRef(id) {}
    void forget() noexcept { MeterRef::operator=(MeterRef()); }
};

}  // namespace brink

#endif  // BRINK_HPP
