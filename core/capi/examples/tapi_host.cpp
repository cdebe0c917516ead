// A video-analytics host in C++17 that asks where such a host enforces: when a component is made, and for every frame.
//
//   tapi_host BUNDLE CAMERA...
//
// It asks for features and nothing else: a trial camera's pack has neither zones nor the database sink, near_miss comes
// with a pack of its own, and a camera without a licence gets nothing. What is metered goes through UsageHooks, which nobody fills yet: this host counts its calls and says so.
#include <brink.hpp>

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "brink_trust.h"

namespace {

/// Where usage will be recorded. Metering is not part of libbrink yet, so the one implementation records nothing.
class UsageHooks {
public:
    virtual ~UsageHooks() = default;
    virtual void component_made(std::string_view camera, std::string_view component) = 0;
    virtual void frame_done(std::string_view camera) = 0;
};

class CountedOnly final : public UsageHooks {
public:
    void component_made(std::string_view, std::string_view) override { ++components_; }
    void frame_done(std::string_view) override { ++frames_; }
    void say() const {
        std::printf("usage: %lu components, %lu frames; counted, not metered\n", components_, frames_);
    }

private:
    unsigned long components_ = 0;
    unsigned long frames_ = 0;
};

/// What a component asks for.
struct Kind {
    std::string_view name;
    /// The feature that it is sold as.
    std::string_view feature;
};

constexpr std::array<Kind, 6> KINDS{{
    {"object_detection", "cv_models/person"},
    {"counting", "analytics/counting"},
    {"near_miss", "analytics/near_miss"},
    {"line_zone_manager", "analytics/line_zone"},
    {"polygon_zone_manager", "analytics/polygon_zone"},
    {"database_sink", "outputs/database_sink"},
}};

/// A running part of a pipeline. It keeps its handles, so that a frame costs a few loads.
class Component {
public:
    Component(const Kind& kind, brink::GateRef gate, brink::Camera camera, brink::Feature feature)
        : kind_(kind), gate_(gate), camera_(camera), feature_(feature) {}

    [[nodiscard]] std::string_view name() const { return kind_.name; }

    /// Whether it may work on this frame. Under the profile `degrade` what runs goes on, flagged.
    [[nodiscard]] bool may_run() const {
        const auto decision = gate_.check(camera_, feature_);
        return decision.ok() && (decision->allowed || brink::has(*decision, BRINK_FLAG_KEEP_RUNNING));
    }

private:
    const Kind& kind_;
    brink::GateRef gate_;
    brink::Camera camera_;
    brink::Feature feature_;
};

class ComponentFactory {
public:
    ComponentFactory(const brink::Gate& gate, UsageHooks& usage) : gate_(gate), usage_(usage) {}

    /// Makes a component, or says why not and gives none.
    [[nodiscard]] std::unique_ptr<Component> make(const Kind& kind, std::string_view camera) {
        const auto of_camera = gate_.camera(camera);
        const auto of_feature = gate_.feature(kind.feature);
        if (!of_camera || !of_feature) {
            const auto code = of_camera ? of_feature.code() : of_camera.code();
            return refused(kind, camera, brink::name(code), "check the name");
        }
        const auto decision = gate_.check(*of_camera, *of_feature);
        if (!decision) {
            return refused(kind, camera, brink::name(decision.code()), "open a gate");
        }
        if (!decision->allowed) {
            return refused(kind, camera, brink::name(decision->reason), brink::mend(decision->reason));
        }
        usage_.component_made(camera, kind.name);
        say("made", kind, camera, brink::name(decision->state));
        return std::make_unique<Component>(kind, gate_, *of_camera, *of_feature);
    }

private:
    static void say(const char* what, const Kind& kind, std::string_view camera, std::string_view why) {
        std::printf("%s %.*s for %.*s: %.*s\n", what, static_cast<int>(kind.name.size()), kind.name.data(),
                    static_cast<int>(camera.size()), camera.data(), static_cast<int>(why.size()), why.data());
    }

    static std::unique_ptr<Component> refused(const Kind& kind, std::string_view camera, std::string_view why,
                                              std::string_view mend) {
        say("refused", kind, camera, why);
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
    constexpr int FRAMES = 25;
    for (const auto& pipeline : pipelines) {
        for (int frame = 0; frame < FRAMES; ++frame) {
            std::size_t ran = 0;
            for (const auto& component : pipeline.components) {
                ran += component->may_run() ? 1 : 0;
            }
            if (ran > 0) {
                usage.frame_done(pipeline.camera);
            }
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
    CountedOnly usage;
    ComponentFactory factory(gate, usage);

    std::vector<Pipeline> pipelines;
    for (int i = 2; i < count; ++i) {
        Pipeline pipeline{arguments[i], {}};
        for (const auto& kind : KINDS) {
            if (auto component = factory.make(kind, pipeline.camera)) {
                pipeline.components.push_back(std::move(component));
            }
        }
        pipelines.push_back(std::move(pipeline));
    }
    run(pipelines, usage);
    usage.say();
    return 0;
}
