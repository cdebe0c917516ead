// Calls a billing server exactly as the HTTP client of the devices in the field does, and reads its answers as strictly.
//
//   old-client --base URL --key K [--timeout-ms N] [--retries N] [--ca FILE] COMMAND ...
//
//   validate    --tenant T --camera C [--device D]
//   entitlement --tenant T --category C --name N
//   usage       --tenant T --generate N [--at SECONDS]     N events of every type, from SECONDS on
//               --events FILE                              a JSON array of events, as the client keeps them
//               --body FILE --sent N                       what somebody else wrote, as it is
//   heartbeat   --tenant T [--device D] [--camera C]... [--tier basic]
//   health
//   post        --path P --body FILE                       anything; judged by its status alone
//   fifteen     --tenant T [--device D] [--cameras PREFIX] [--pack SLUG]
//
// Prints one line of JSON a call: whether the client took an answer, in how many attempts, with which statuses, why the others
// were refused and by which field, and under "held" what the client's structs hold now. `fifteen` prints one a check.
// Ends with 0 where an answer was taken or all checks passed, with 3 where not, with 2 for wrong usage.
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client.hpp"
#include "fifteen.hpp"

namespace {

using legacy::Answer;
using legacy::Json;

/// Whoever called made a mistake.
struct Usage {
    std::string says;
};

class Arguments {
public:
    Arguments(int count, char** arguments) {
        for (int i = 1; i < count; ++i) {
            const std::string word = arguments[i];
            if (word.rfind("--", 0) != 0) {
                if (!command_.empty()) {
                    throw Usage{"two commands: " + command_ + " and " + word};
                }
                command_ = word;
            } else if (i + 1 == count) {
                throw Usage{word + " has no value"};
            } else {
                given_[word.substr(2)].push_back(arguments[++i]);
            }
        }
    }

    [[nodiscard]] const std::string& command() const { return command_; }

    [[nodiscard]] std::vector<std::string> all(const std::string& name) {
        const auto found = given_.find(name);
        if (found == given_.end()) {
            return {};
        }
        auto values = found->second;
        given_.erase(found);
        return values;
    }

    [[nodiscard]] std::optional<std::string> maybe(const std::string& name) {
        const auto values = all(name);
        if (values.size() > 1) {
            throw Usage{"--" + name + " is given twice"};
        }
        return values.empty() ? std::nullopt : std::optional(values.front());
    }

    [[nodiscard]] std::string text(const std::string& name) {
        const auto value = maybe(name);
        if (!value) {
            throw Usage{"--" + name + " is missing"};
        }
        return *value;
    }

    [[nodiscard]] long number(const std::string& name, long by_default) {
        const auto value = maybe(name);
        try {
            return value ? std::stol(*value) : by_default;
        } catch (const std::logic_error&) {
            throw Usage{"--" + name + " is no number: " + *value};
        }
    }

    /// Nothing that was given may have been forgotten.
    void require_empty() const {
        if (!given_.empty()) {
            throw Usage{"--" + given_.begin()->first + " is not for " + command_};
        }
    }

private:
    std::string command_;
    std::map<std::string, std::vector<std::string>> given_;
};

std::string contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        throw Usage{"cannot read " + path};
    }
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Every type of event with its unit, in turn, a second apart: some 200 bytes each.
std::vector<legacy::Event> generated(const std::string& tenant, long count, long at) {
    const std::vector<std::pair<const char*, const char*>> types{
        {"api_call", "count"}, {"llm_tokens", "tokens"}, {"storage_gb_days", "gb_days"}, {"sms_sent", "count"},
        {"agent_execution", "count"}, {"cloud_export_gb", "gb"}, {"webhook_call", "count"}, {"email_sent", "count"}};
    std::vector<legacy::Event> events;
    for (long i = 0; i < count; ++i) {
        const auto& [type, unit] = types[static_cast<std::size_t>(i) % types.size()];
        const std::string camera = "cam-" + std::to_string(i % 100);
        const std::string metadata = R"({"endpoint":"/api/v1/cameras/)" + camera + "\"}";
        events.push_back({tenant, type, camera, static_cast<double>(1 + i % 3), unit, at + i, metadata});
    }
    return events;
}

std::vector<legacy::Event> read_events(const std::string& path) {
    std::vector<legacy::Event> events;
    for (const auto& each : Json::parse(contents(path))) {
        const Json& metadata = each.value("metadata", Json("{}"));
        events.push_back({each.value("tenant_id", ""), each.value("event_type", ""), each.value("resource_id", ""),
                          each.value("quantity", 1.0), each.value("unit", ""), each.value("event_time", std::time_t{0}),
                          metadata.is_string() ? metadata.get<std::string>() : metadata.dump()});
    }
    return events;
}

Answer use(const legacy::Client& client, Arguments& arguments) {
    if (const auto body = arguments.maybe("body")) {
        const long sent = arguments.number("sent", 1);
        arguments.require_empty();
        return client.usage_as(contents(*body), static_cast<std::size_t>(sent));
    }
    if (const auto events = arguments.maybe("events")) {
        arguments.require_empty();
        return client.usage(read_events(*events));
    }
    const auto tenant = arguments.text("tenant");
    const long count = arguments.number("generate", 1);
    const long at = arguments.number("at", static_cast<long>(std::time(nullptr)));
    arguments.require_empty();
    return client.usage(generated(tenant, count, at));
}

Answer post(const legacy::Client& client, Arguments& arguments) {
    const auto path = arguments.text("path");
    const auto body = contents(arguments.text("body"));
    arguments.require_empty();
    Answer answer;
    answer.call = client.plain(client.settings().base + path, &body);
    answer.held = {{"body", answer.call.body}};
    return answer;
}

Answer carry_out(const legacy::Client& client, Arguments& arguments) {
    const auto& command = arguments.command();
    if (command == "usage") {
        return use(client, arguments);
    }
    if (command == "post") {
        return post(client, arguments);
    }
    if (command == "health") {
        arguments.require_empty();
        return client.health();
    }
    if (command != "validate" && command != "entitlement" && command != "heartbeat") {
        throw Usage{command.empty() ? "no command" : "unknown command " + command};
    }
    const auto tenant = arguments.text("tenant");
    if (command == "entitlement") {
        const auto category = arguments.text("category");
        const auto name = arguments.text("name");
        arguments.require_empty();
        return client.entitlement(tenant, category, name);
    }
    const auto device = arguments.maybe("device").value_or("");
    const auto cameras = arguments.all("camera");
    if (command == "heartbeat") {
        const auto tier = arguments.maybe("tier").value_or("basic");
        arguments.require_empty();
        return client.heartbeat(tenant, device, cameras, tier);
    }
    arguments.require_empty();
    if (cameras.size() != 1) {
        throw Usage{"--camera is wanted once"};
    }
    return client.validate(tenant, cameras.front(), device);
}

int checked(const legacy::Client& client, Arguments& arguments) {
    legacy::Fifteen about;
    about.tenant = arguments.text("tenant");
    about.device = arguments.maybe("device").value_or(about.device);
    about.cameras = arguments.maybe("cameras").value_or(about.cameras);
    about.pack = arguments.maybe("pack").value_or(about.pack);
    arguments.require_empty();
    return legacy::Checks(client, about).run() ? 0 : 3;
}

int told(Arguments arguments) {
    legacy::Settings settings;
    settings.base = arguments.text("base");
    settings.key = arguments.maybe("key").value_or("");
    settings.timeout_ms = arguments.number("timeout-ms", settings.timeout_ms);
    settings.retries = arguments.number("retries", settings.retries);
    settings.ca = arguments.maybe("ca").value_or("");
    const legacy::Client client(settings);
    if (arguments.command() == "fifteen") {
        return checked(client, arguments);
    }
    const Answer answer = carry_out(client, arguments);
    Json line = legacy::shown(answer.call);
    line["command"] = arguments.command();
    line["held"] = answer.held;
    line["remarks"] = answer.remarks;
    std::cout << line.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
    return answer.call.answered() ? 0 : 3;
}

}  // namespace

int main(int count, char** arguments) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int code = 2;
    try {
        code = told(Arguments(count, arguments));
    } catch (const Usage& usage) {
        std::cerr << "old-client: " << usage.says << '\n';
    } catch (const std::exception& error) {
        std::cerr << "old-client: " << error.what() << '\n';
    }
    curl_global_cleanup();
    return code;
}
