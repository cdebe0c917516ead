// One call of the old client: four attempts over libcurl, and what became of each.
#ifndef BRINK_LEGACY_TRANSPORT_HPP
#define BRINK_LEGACY_TRANSPORT_HPP

#include <curl/curl.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace legacy {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

/// The client's settings, with its defaults: BILLING_TIMEOUT_MS and BILLING_MAX_RETRIES.
struct Settings {
    std::string base;
    std::string key;
    long timeout_ms = 5000;
    long retries = 3;
    /// A file of certificates to trust, for an issuer with one of its own.
    std::string ca;
};

constexpr long CONNECT_MS = 5000;
constexpr long REDIRECTS_MAX = 3;
/// Waits 100, 200 and 400 ms.
constexpr long FIRST_WAIT_MS = 100;
/// From here on the libcurl of those days asked before it sent a body. Later ones ask from a million bytes on, so it is
/// asked for by name.
constexpr std::size_t EXPECT_ABOVE_BYTES = 1024;

/// An answer that the client does not take: of another type than its structs, or no JSON.
struct Void {
    std::string kind;
    std::string field;
    std::string says;
};

/// One attempt. `kind` is empty where it was taken.
struct Attempt {
    std::vector<long> statuses;
    long redirects = 0;
    bool continued = false;
    Void refused;

    [[nodiscard]] bool taken() const { return refused.kind.empty(); }
};

/// One call, to its end.
struct Call {
    std::vector<Attempt> attempts;
    std::string body;
    long total_ms = 0;

    [[nodiscard]] bool answered() const { return !attempts.empty() && attempts.back().taken(); }
};

struct Request {
    /// GET where there is none.
    const std::string* body = nullptr;
    std::string url;
};

/// Reads an answer into the client's structs, or throws a Void.
using Reader = std::function<void(const Json&)>;

namespace detail {

inline std::size_t keep_body(char* bytes, std::size_t size, std::size_t count, void* into) {
    static_cast<std::string*>(into)->append(bytes, size * count);
    return size * count;
}

/// Every answer's first line, that of a redirect and of "100 Continue" too.
inline std::size_t keep_status(char* bytes, std::size_t size, std::size_t count, void* into) {
    const std::string_view line(bytes, size * count);
    const auto space = line.find(' ');
    if (line.substr(0, 5) == "HTTP/" && space != std::string_view::npos) {
        auto* attempt = static_cast<Attempt*>(into);
        const long status = std::strtol(std::string(line.substr(space + 1, 3)).c_str(), nullptr, 10);
        if (status == 100) {
            attempt->continued = true;
        } else {
            attempt->statuses.push_back(status);
        }
    }
    return size * count;
}

struct HandleEnd {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct ListEnd {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Handle = std::unique_ptr<CURL, HandleEnd>;
using List = std::unique_ptr<curl_slist, ListEnd>;

inline void append(List& list, const std::string& line) { list.reset(curl_slist_append(list.release(), line.c_str())); }

/// The same headers for every call, GET included; without a key the scheme stands alone.
inline List headers(const Settings& settings, const Request& request) {
    List list;
    append(list, "Content-Type: application/json");
    append(list, "Authorization: Bearer " + settings.key);
    if (request.body != nullptr && request.body->size() > EXPECT_ABOVE_BYTES) {
        append(list, "Expect: 100-continue");
    }
    return list;
}

inline std::string kind_of(CURLcode code) {
    switch (code) {
        case CURLE_OPERATION_TIMEDOUT: return "timeout";
        case CURLE_COULDNT_CONNECT:
        case CURLE_COULDNT_RESOLVE_HOST: return "connect";
        case CURLE_TOO_MANY_REDIRECTS: return "redirects";
        default: return "transport";
    }
}

inline Attempt attempt(const Settings& settings, const Request& request, std::string& body) {
    Attempt made;
    const Handle handle(curl_easy_init());
    const List list = headers(settings, request);
    CURL* curl = handle.get();
    body.clear();
    curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list.get());
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, settings.timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, keep_status);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &made);
    // Whom it calls is what it was told, whatever the environment says of proxies.
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    if (!settings.ca.empty()) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, settings.ca.c_str());
    }
    if (request.body != nullptr) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body->size()));
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body->data());
    }
    const CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_REDIRECT_COUNT, &made.redirects);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK) {
        made.refused = {kind_of(code), "", curl_easy_strerror(code)};
    } else if (status < 200 || status > 299) {
        made.refused = {"status", "", std::to_string(status)};
    }
    return made;
}

inline void read(const Reader& reader, const std::string& body, Attempt& made) {
    try {
        reader(Json::parse(body));
    } catch (const Void& refused) {
        made.refused = refused;
    } catch (const Json::exception& error) {
        made.refused = {"json", "", error.what()};
    }
}

}  // namespace detail

/// Calls until an answer is taken. Whatever fails is tried again alike: a refusal, a timeout, an answer of another type.
inline Call call(const Settings& settings, const Request& request, const Reader& reader) {
    Call made;
    const auto begun = Clock::now();
    for (long tried = 0; tried <= settings.retries; ++tried) {
        if (tried > 0) {
            std::this_thread::sleep_for(std::chrono::milliseconds(FIRST_WAIT_MS << (tried - 1)));
        }
        made.attempts.push_back(detail::attempt(settings, request, made.body));
        Attempt& last = made.attempts.back();
        if (last.taken() && reader) {
            detail::read(reader, made.body, last);
        }
        if (last.taken()) {
            break;
        }
    }
    made.total_ms = static_cast<long>(
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun).count());
    return made;
}

/// What became of a call, for whoever reads the line that is printed.
inline Json shown(const Call& made) {
    Json line = {{"answered", made.answered()}, {"attempts", made.attempts.size()}, {"total_ms", made.total_ms}};
    line["statuses"] = Json::array();
    line["refusals"] = Json::array();
    line["redirected"] = false;
    line["continued"] = false;
    for (const auto& attempt : made.attempts) {
        line["statuses"].push_back(attempt.statuses);
        line["redirected"] = line["redirected"] || attempt.redirects > 0;
        line["continued"] = line["continued"] || attempt.continued;
        if (!attempt.taken()) {
            const auto& [kind, field, says] = attempt.refused;
            line["refusals"].push_back({{"kind", kind}, {"field", field}, {"says", says}});
        }
    }
    return line;
}

}  // namespace legacy

#endif  // BRINK_LEGACY_TRANSPORT_HPP
