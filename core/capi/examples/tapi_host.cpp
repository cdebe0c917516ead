// A video-analytics host in C++17 that asks where such a host enforces: when a component is made, and for every frame.
//
//   tapi_host BUNDLE CAMERA...
//
// Its factory names components and nothing else: which feature each is sold as is Brink's rule, and what no rule names is
// denied, as is everything without a gate. A trial camera's pack has neither zones nor the database sink, near_miss comes
// with a pack of its own, and a camera without a licence gets not even a source. What it uses is metered through UsageHooks: a
// component that is made is recorded before it works, a frame is counted from memory, and a call of a language model
// reserves tokens before it is made and says afterwards how many it took. What a quota does not allow is not done.
#include <brink.hpp>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "brink_trust.h"

namespace {

/// Where usage is recorded. Each says whether the work may be done.
class UsageHooks {
public:
    virtual ~UsageHooks() = default;
    virtual bool component_made(std::string_view camera) = 0;
    virtual bool frame_done(std::string_view camera) = 0;
    virtual bool summarised(std::string_view camera) = 0;
};

constexpr std::string_view COMPONENTS = "component";
constexpr std::string_view FRAMES = "frame";
constexpr std::string_view TOKENS = "llm_token";

/// Meters under the quotas of the licence that the gate holds.
class Metered final : public UsageHooks {
public:
    explicit Metered(brink::MeterRef meter) : meter_(meter) {}

    bool component_made(std::string_view camera) override {
        const auto recorded = meter_.record(COMPONENTS, camera, brink::units(1));
        components_ += recorded ? 1 : 0;
        return recorded ? true : refused(COMPONENTS, recorded.code());
    }

    /// Some 25 times a second: counted from memory, written by the meter's own thread.
    bool frame_done(std::string_view camera) override {
        const auto line = line_of(camera);
        const auto code = line ? meter_.record_nowait(*line, brink::units(1)) : line.code();
        if (code == BRINK_OK) {
            ++frames_;
            return true;
        }
        // Nothing is set aside for the moment, or the queue is full: this frame waits for the disk.
        const auto waits = code == BRINK_QUOTA_NOT_SET_ASIDE || code == BRINK_USAGE_QUEUE_FULL;
        const auto recorded = waits ? meter_.record(FRAMES, camera, brink::units(1)) : brink::Result<brink::Recorded>(code);
        frames_ += recorded ? 1 : 0;
        return recorded ? true : refused(FRAMES, recorded.code());
    }

    /// Nobody knows before how many tokens an answer takes: at most 800, and this one takes 312.
    bool summarised(std::string_view camera) override {
        auto room = meter_.reserve(TOKENS, camera, brink::units(800));
        if (!room) {
            return refused(TOKENS, room.code());
        }
        const auto recorded = room->commit(brink::units(312));
        if (!recorded) {
            // The work is done: a host that goes on tries again until it is recorded.
            std::printf("tokens that were used are not recorded: %s\n", brink_code_name(recorded.code()));
            return true;
        }
        tokens_ += 312;
        return true;
    }

    void say() const {
        std::printf("usage: %lu components, %lu frames, %lu tokens; metered\n", components_, frames_, tokens_);
    }

private:
    /// Looks each camera up once.
    brink::Result<brink::Line> line_of(std::string_view camera) {
        for (const auto& [name, line] : lines_) {
            if (name == camera) {
                return line;
            }
        }
        auto line = meter_.line(FRAMES, camera);
        if (line) {
            lines_.emplace_back(camera, *line);
        }
        return line;
    }

    /// Says once for each meter what was refused and what helps.
    bool refused(std::string_view meter, brink::Code code) {
        for (const auto said : said_) {
            if (said == meter) {
                return false;
            }
        }
        said_.push_back(meter);
        std::printf("not metered, not done: %.*s: %s\n", static_cast<int>(meter.size()), meter.data(),
                    brink_code_name(code));
        const auto quota = meter_.quota(meter);
        if (code == BRINK_QUOTA_EXCEEDED && quota) {
            std::printf("  %llu of %llu left", static_cast<unsigned long long>(quota->remaining.whole),
                        static_cast<unsigned long long>(quota->limit.whole));
            if (quota->resets_at != BRINK_NEVER) {
                std::printf(", the count begins again at %lld", static_cast<long long>(quota->resets_at));
            }
            std::printf("\n");
        }
        return false;
    }

    brink::MeterRef meter_;
    std::vector<std::pair<std::string, brink::Line>> lines_;
    std::vector<std::string_view> said_;
    unsigned long components_ = 0;
    unsigned long frames_ = 0;
    unsigned long tokens_ = 0;
};

/// A running part of a pipeline. It keeps its handles, so that a frame costs a few loads.
class Component {
public:
    Component(brink::GateRef gate, brink::Camera camera, std::vector<brink::Feature> features)
        : gate_(gate), camera_(camera), features_(std::move(features)) {}

    /// Whether it may work on this frame. Under the profile `degrade` what runs goes on, flagged. A source has no feature of
    /// its own: it goes on as long as anything behind it does.
    [[nodiscard]] bool may_run() const {
        bool all = !features_.empty();
        for (const auto feature : features_) {
            const auto decision = gate_.check(camera_, feature);
            all = all && decision.ok() && (decision->allowed || brink::has(*decision, BRINK_FLAG_KEEP_RUNNING));
        }
        return all;
    }

private:
    brink::GateRef gate_;
    brink::Camera camera_;
    std::vector<brink::Feature> features_;
};

/// What every camera's settings ask for, as they are in a pipeline's file.
std::vector<brink::Component> wanted() {
    return {
        {"source", "rtsp"},
        {"processor", "object_detection", {"person", "car"}},
        {"processor", "counting"},
        {"processor", "near_miss"},
        {"processor", "line_zone_manager"},
        {"processor", "polygon_zone_manager"},
        {"sink", "database"},
    };
}

class ComponentFactory {
public:
    ComponentFactory(const brink::Gate& gate, UsageHooks& usage) : gate_(gate), usage_(usage) {}

    /// Makes a component, or says why not and gives none.
    [[nodiscard]] std::unique_ptr<Component> make(const brink::Component& wanted, std::string_view camera) {
        const auto decided = gate_.check_component(camera, wanted);
        if (!decided) {
            return refused(wanted, camera, brink::name(decided.code()), "check the names, and that a gate is open");
        }
        if (!decided->decision.allowed) {
            const auto reason = decided->decision.reason;
            auto made = refused(wanted, camera, brink::name(reason), brink::mend(reason));
            if (const auto missing = brink::missing(*decided); !missing.empty()) {
                std::printf("  missing: %.*s\n", static_cast<int>(missing.size()), missing.data());
            }
            return made;
        }
        const auto of_camera = gate_.camera(camera);
        auto features = gate_.features(wanted);
        if (!of_camera || !features) {
            return refused(wanted, camera, brink::name(of_camera ? features.code() : of_camera.code()), "open a gate");
        }
        if (!usage_.component_made(camera)) {
            return nullptr;
        }
        say("made", wanted, camera, brink::name(decided->decision.state));
        return std::make_unique<Component>(gate_, *of_camera, std::move(features).value());
    }

private:
    static void say(const char* what, const brink::Component& component, std::string_view camera, std::string_view why) {
        const auto name = component.subtype();
        std::printf("%s %.*s for %.*s: %.*s\n", what, static_cast<int>(name.size()), name.data(),
                    static_cast<int>(camera.size()), camera.data(), static_cast<int>(why.size()), why.data());
    }

    static std::unique_ptr<Component> refused(const brink::Component& component, std::string_view camera,
                                              std::string_view why, std::string_view mend) {
        say("refused", component, camera, why);
        std::printf("  mend: %.*s\n", static_cast<int>(mend.size()), mend.data());
        return nullptr;
    }

    const brink::Gate& gate_;
    UsageHooks& usage_;
};

struct Pipeline {
    std::string camera;
    std::vector<std::unique_ptr<Component>> components;
};

/// Shows each component every frame, as long as it may see it.
void run(const std::vector<Pipeline>& pipelines, UsageHooks& usage) {
    constexpr int SECOND = 25;
    for (const auto& pipeline : pipelines) {
        for (int frame = 0; frame < SECOND; ++frame) {
            std::size_t ran = 0;
            for (const auto& component : pipeline.components) {
                ran += component->may_run() ? 1 : 0;
            }
            if (ran > 0 && !usage.frame_done(pipeline.camera)) {
                break;
            }
        }
        if (!pipeline.components.empty()) {
            static_cast<void>(usage.summarised(pipeline.camera));
        }
    }
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 3) {
        std::fprintf(stderr, "tapi_host BUNDLE CAMERA...\n");
        return 2;
    }
    auto opened = brink::Gate::open(arguments[1], BRINK_TRUST);
    if (!opened) {
        std::fprintf(stderr, "the gate: %s\n", brink_code_name(opened.code()));
        return 1;
    }
    const brink::Gate gate = std::move(opened).value();
    auto metered = brink::Meter::open(gate);
    if (!metered) {
        std::fprintf(stderr, "the meter: %s\n", brink_code_name(metered.code()));
        return 1;
    }
    brink::Meter meter = std::move(metered).value();
    Metered usage(meter);
    ComponentFactory factory(gate, usage);

    const auto components = wanted();
    std::vector<Pipeline> pipelines;
    for (int i = 2; i < count; ++i) {
        Pipeline pipeline{arguments[i], {}};
        for (const auto& component_wanted : components) {
            if (auto component = factory.make(component_wanted, pipeline.camera)) {
                pipeline.components.push_back(std::move(component));
            }
        }
        pipelines.push_back(std::move(pipeline));
    }
    run(pipelines, usage);
    usage.say();
    // Before the gate: what was counted in the last moments is written now.
    if (const auto code = meter.close(); code != BRINK_OK) {
        std::fprintf(stderr, "the meter: %s\n", brink_code_name(code));
        return 1;
    }
    return 0;
}
