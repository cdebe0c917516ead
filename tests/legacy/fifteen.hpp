// The checks of the old integration script that concern HTTP, by their meaning.
//
// The script has fifteen. It looks for compact JSON in what curl printed: `"is_valid":true` is its number 7, a pack by its
// slug number 8, `"total_events":` and digits number 13. Numbers 1 to 4, 14 and 15 ask containers by their names, and nothing is
// known of which number the others have. Two checks more than the script has are marked as such.
#ifndef BRINK_LEGACY_FIFTEEN_HPP
#define BRINK_LEGACY_FIFTEEN_HPP

#include <iostream>
#include <regex>
#include <string>
#include <utility>

#include "client.hpp"

namespace legacy {

/// Whom the checks speak of. The tenant may have two cameras, and has the pack.
struct Fifteen {
    std::string tenant;
    std::string device = "device-001";
    std::string cameras = "cam-fifteen-";
    std::string pack = "advanced_analytics";
};

class Checks {
public:
    /// The script makes each call once.
    Checks(const Client& client, Fifteen about) : client_(once(client.settings())), about_(std::move(about)) {
        std::string base = client_.settings().base;
        while (!base.empty() && base.back() == '/') {
            base.pop_back();
        }
        const std::string below = "/api/v1";
        const bool is_below = base.size() >= below.size() && base.compare(base.size() - below.size(), below.size(), below) == 0;
        root_ = is_below ? base.substr(0, base.size() - below.size()) : base;
    }

    /// Whether all of them passed.
    bool run() {
        const Call health = client_.plain(root_ + "/health", nullptr);
        check("health", nullptr, "the server at its root says that it is healthy", health,
              said(health, "\"status\":\"healthy\""));
        const Answer own = client_.health();
        check("client_health", nullptr, "not in the script: the client's own path of health is served as well", own.call,
              own.held["available"]);
        licences();
        const Call entitled = post("/entitlements/check", {{"tenant_id", about_.tenant},
                                                           {"feature_category", "cv_models"},
                                                           {"feature_name", "person"}});
        check("entitlement", nullptr, "a feature of base is enabled", entitled, said(entitled, "\"is_enabled\":true"));
        usage();
        const Call beat = post("/heartbeat", {{"device_id", about_.device},
                                              {"tenant_id", about_.tenant},
                                              {"active_camera_ids", Json::array({camera(1), camera(2)})},
                                              {"management_tier", "basic"}});
        check("heartbeat", nullptr, "a heartbeat is acknowledged", beat, said(beat, "\"status\":\"ok\""));
        const Call stats = client_.plain(root_ + "/stats", nullptr);
        const bool counted = std::regex_search(stats.body, std::regex("\"total_events\":[0-9]+"));
        check("stats", 13, "the number of events stands in the statistics, without a space before it", stats,
              stats.answered() && counted);
        std::cout << Json({{"command", "fifteen"}, {"passed", passed_}, {"failed", failed_},
                           {"not_http", Json::array({1, 2, 3, 4, 14, 15})}}) << '\n';
        return failed_ == 0;
    }

private:
    static Client once(Settings settings) {
        settings.retries = 0;
        return Client(std::move(settings));
    }

    void licences() {
        const Call first = validate(1);
        check("first_camera", 7, "the first camera is valid", first, said(first, "\"is_valid\":true"));
        check("packs", 8, "the tenant's pack is named by its slug; of a trial without it this rightly fails", first,
              said(first, "\"" + about_.pack + "\""));
        const Call second = validate(2);
        check("second_camera", nullptr, "the second camera is valid", second, said(second, "\"is_valid\":true"));
        const Call third = validate(3);
        check("third_camera", nullptr, "the third camera is denied, by an answer and not by a status", third,
              said(third, "\"is_valid\":false"));
        const Call again = validate(3);
        check("third_camera_again", nullptr, "not in the script: asked once more it is denied still", again,
              said(again, "\"is_valid\":false"));
    }

    /// The script writes its moments as text, and a unit of its own.
    void usage() {
        const Json event = {{"tenant_id", about_.tenant}, {"event_type", "api_call"}, {"resource_id", camera(1)},
                            {"quantity", 1}, {"unit", "calls"}, {"event_time", "2025-10-20T10:00:00Z"},
                            {"metadata", {{"endpoint", "/api/v1/cameras"}}}};
        const Call sent = post("/usage/batch", {{"events", Json::array({event})}});
        check("usage", nullptr, "a batch of one is accepted", sent, said(sent, "\"accepted_count\":1"));
    }

    [[nodiscard]] std::string camera(int number) const { return about_.cameras + std::to_string(number); }

    [[nodiscard]] Call validate(int number) const {
        return post("/licenses/validate",
                    {{"camera_id", camera(number)}, {"tenant_id", about_.tenant}, {"device_id", about_.device}});
    }

    [[nodiscard]] Call post(const char* path, const Json& body) const {
        const std::string bytes = body.dump();
        return client_.plain(client_.settings().base + path, &bytes);
    }

    [[nodiscard]] static bool said(const Call& made, const std::string& text) {
        return made.answered() && made.body.find(text) != std::string::npos;
    }

    void check(const char* name, const Json& number, const char* meaning, const Call& made, bool passed) {
        ++(passed ? passed_ : failed_);
        Json line = {{"check", name}, {"number", number}, {"meaning", meaning}, {"passed", passed}};
        line["statuses"] = shown(made)["statuses"];
        line["said"] = made.body.substr(0, 400);
        std::cout << line.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
    }

    Client client_;
    Fifteen about_;
    std::string root_;
    int passed_ = 0;
    int failed_ = 0;
};

}  // namespace legacy

#endif  // BRINK_LEGACY_FIFTEEN_HPP
