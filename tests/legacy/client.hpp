// What the old client sends, and what its structs hold afterwards.
#ifndef BRINK_LEGACY_CLIENT_HPP
#define BRINK_LEGACY_CLIENT_HPP

#include <cstdint>
#include <ctime>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "transport.hpp"

namespace legacy {

/// One use, as the client keeps it.
struct Event {
    std::string tenant_id;
    std::string event_type;
    std::string resource_id;
    double quantity = 1.0;
    std::string unit;
    std::time_t event_time = 0;
    /// The text of some JSON.
    std::string metadata;
};

/// What a call came to: the line about it, and beside it what the client's struct holds.
struct Answer {
    Call call;
    Json held;
    /// What the client takes without complaint and misunderstands.
    std::vector<std::string> remarks;
};

/// The members of an answer, each of exactly the type that the client's struct has. Those that are absent keep the struct's
/// default; any other type voids the whole answer.
class Members {
public:
    Members(const Json& answer, std::vector<std::string>& remarks) : answer_(answer), remarks_(remarks) {
        if (!answer.is_object()) {
            throw Void{"field", "", "the answer is " + std::string(answer.type_name()) + " and no object"};
        }
    }

    [[nodiscard]] bool truth(const char* name, bool by_default) const {
        const Json* found = member(name);
        require(found == nullptr || found->is_boolean(), name, "boolean", found);
        return found == nullptr ? by_default : found->get<bool>();
    }

    [[nodiscard]] std::string text(const char* name, const char* by_default) const {
        const Json* found = member(name);
        require(found == nullptr || found->is_string(), name, "string", found);
        return found == nullptr ? by_default : found->get<std::string>();
    }

    /// 32 bits; what does not fit is cut, as the client's int cuts it.
    [[nodiscard]] std::int32_t number(const char* name, std::int32_t by_default) const {
        const Json* found = member(name);
        require(found == nullptr || found->is_number_integer(), name, "integer", found);
        if (found == nullptr) {
            return by_default;
        }
        const auto whole = found->get<std::int64_t>();
        if (whole < INT32_MIN || whole > INT32_MAX) {
            remarks_.push_back(std::string(name) + ": does not fit 32 bits");
        }
        return static_cast<std::int32_t>(whole);
    }

    /// Texts; null is an empty list.
    [[nodiscard]] std::vector<std::string> texts(const char* name) const {
        const Json* found = member(name);
        std::vector<std::string> all;
        if (found == nullptr || found->is_null()) {
            return all;
        }
        require(found->is_array(), name, "array", found);
        for (const auto& each : *found) {
            require(each.is_string(), name, "array of strings", &each);
            all.push_back(each.get<std::string>());
        }
        return all;
    }

    /// A string that begins with seconds since 1970. Of an RFC 3339 text that is the year.
    [[nodiscard]] std::time_t moment(const char* name) const {
        const Json* found = member(name);
        require(found == nullptr || found->is_string(), name, "string of seconds", found);
        if (found == nullptr) {
            return 0;
        }
        const auto text = found->get<std::string>();
        try {
            std::size_t read = 0;
            const long long seconds = std::stoll(text, &read);
            if (read != text.size()) {
                remarks_.push_back(std::string(name) + ": \"" + text + "\" is read as " + std::to_string(seconds));
            }
            return static_cast<std::time_t>(seconds);
        } catch (const std::logic_error&) {
            throw Void{"field", name, "\"" + text + "\" does not begin with seconds"};
        }
    }

private:
    [[nodiscard]] const Json* member(const char* name) const {
        const auto found = answer_.find(name);
        return found == answer_.end() ? nullptr : &*found;
    }

    static void require(bool holds, const char* name, const char* wanted, const Json* found) {
        if (!holds) {
            throw Void{"field", name, std::string(found->type_name()) + " where the client reads " + wanted};
        }
    }

    const Json& answer_;
    std::vector<std::string>& remarks_;
};

/// The client. Base and path are put together as they are, whatever slashes that makes.
class Client {
public:
    explicit Client(Settings settings) : settings_(std::move(settings)) {}

    [[nodiscard]] Answer validate(const std::string& tenant, const std::string& camera, const std::string& device) const {
        const Json body = {{"camera_id", camera}, {"tenant_id", tenant}, {"device_id", device}};
        return post("/licenses/validate", body, read_licence);
    }

    [[nodiscard]] Answer entitlement(const std::string& tenant, const std::string& category, const std::string& name) const {
        const Json body = {{"tenant_id", tenant}, {"feature_category", category}, {"feature_name", name}};
        return post("/entitlements/check", body, read_entitlement);
    }

    [[nodiscard]] Answer usage(const std::vector<Event>& events) const {
        return usage_as(batch(events).dump(), events.size());
    }

    /// A body that somebody else wrote, such as the script's or the layer above the client.
    [[nodiscard]] Answer usage_as(const std::string& body, std::size_t sent) const {
        auto answer = ask("/usage/batch", &body, read_usage);
        // What the client takes for success, and what the layer above it takes for it.
        answer.held["success"] = answer.call.answered() && answer.held["accepted_count"] > 0;
        answer.held["all_accepted"] = answer.call.answered() && answer.held["accepted_count"] == sent;
        answer.held["sent"] = sent;
        return answer;
    }

    [[nodiscard]] Answer heartbeat(const std::string& tenant, const std::string& device,
                                   const std::vector<std::string>& cameras, const std::string& tier) const {
        const Json body = {
            {"device_id", device}, {"tenant_id", tenant}, {"active_camera_ids", cameras}, {"management_tier", tier}};
        return post("/heartbeat", body, read_heartbeat);
    }

    [[nodiscard]] Answer health() const {
        auto answer = ask("/health", nullptr, read_health);
        answer.held["available"] = answer.call.answered() && answer.held["status"] == "healthy";
        return answer;
    }

    /// Anything, judged by its status alone.
    [[nodiscard]] Call plain(const std::string& url, const std::string* body) const {
        return call(settings_, Request{body, url}, Reader());
    }

    [[nodiscard]] const Settings& settings() const { return settings_; }

    /// As the client writes a batch: sorted members, no spaces, moments as strings, quantities with their point.
    [[nodiscard]] static Json batch(const std::vector<Event>& events) {
        Json body = {{"events", Json::array()}};
        for (const auto& event : events) {
            const Json metadata = Json::parse(event.metadata, nullptr, false);
            body["events"].push_back({{"tenant_id", event.tenant_id},
                                      {"event_type", event.event_type},
                                      {"resource_id", event.resource_id},
                                      {"quantity", event.quantity},
                                      {"unit", event.unit},
                                      {"event_time", std::to_string(event.event_time)},
                                      {"metadata", metadata.is_discarded() ? Json::object() : metadata}});
        }
        return body;
    }

private:
    using Read = Json (*)(const Members&);

    /// Its defaults where the answer says nothing, and where there was none.
    static Json read_licence(const Members& answer) {
        return {{"is_valid", answer.truth("is_valid", false)},
                {"license_mode", answer.text("license_mode", "unlicensed")},
                {"enabled_growth_packs", answer.texts("enabled_growth_packs")},
                {"valid_until", answer.moment("valid_until")},
                {"cameras_allowed", answer.number("cameras_allowed", 0)}};
    }

    static Json read_entitlement(const Members& answer) {
        return {{"is_enabled", answer.truth("is_enabled", false)},
                {"quota_remaining", answer.number("quota_remaining", 0)},
                {"valid_until", answer.moment("valid_until")}};
    }

    static Json read_usage(const Members& answer) {
        return {{"accepted_count", answer.number("accepted_count", 0)},
                {"rejected_count", answer.number("rejected_count", 0)},
                {"errors", answer.texts("errors")}};
    }

    static Json read_heartbeat(const Members& answer) {
        return {{"status", answer.text("status", "unknown")},
                {"next_heartbeat_in_seconds", answer.number("next_heartbeat_in_seconds", 900)}};
    }

    static Json read_health(const Members& answer) { return {{"status", answer.text("status", "")}}; }

    [[nodiscard]] Answer post(const char* path, const Json& body, Read read) const {
        const std::string bytes = body.dump();
        return ask(path, &bytes, read);
    }

    [[nodiscard]] Answer ask(const char* path, const std::string* body, Read read) const {
        Answer answer;
        answer.held = read(Members(Json::object(), answer.remarks));
        const auto reader = [&](const Json& found) {
            answer.remarks.clear();
            answer.held = read(Members(found, answer.remarks));
        };
        answer.call = call(settings_, Request{body, settings_.base + path}, reader);
        if (!answer.call.answered()) {
            answer.remarks.clear();
        }
        return answer;
    }

    Settings settings_;
};

}  // namespace legacy

#endif  // BRINK_LEGACY_CLIENT_HPP
