/* The gate of Brink for C: "may this camera use this feature now?", answered in the calling process; and its meter, which
 * records what was used.
 *
 * Generated from core/capi/src by cbindgen: change it there. The C++ wrapper is brink.hpp.
 *
 * CODES     Every call that can fail answers a brink_code; BRINK_OK is 0. An out-parameter is written when the answer is
 *           BRINK_OK and not touched otherwise, but for the `needed` of brink_gate_refusal. No call throws, aborts or
 *           ends the process; a defect of Brink answers BRINK_INTERNAL.
 * POINTERS  Must be NULL or of the type that they say; NULL is refused with BRINK_NULL_POINTER. What is passed in is read
 *           before the call returns and never kept.
 * TEXTS     UTF-8 with a length, at most BRINK_TEXT_BYTES_MAX bytes; BRINK_TEXT("x") makes one of a literal. Texts of a
 *           list live as long as the list, names until the program ends.
 * THREADS   Every call may be made by any thread at any time, also on one gate at once, also while another thread closes
 *           it. Gates, cameras and features are plain values: copy them freely. A list may be read by many threads, and
 *           freed once when none reads it.
 * LIFETIME  A gate lives from brink_gate_open to brink_gate_close. It starts one thread, which takes up new bundles.
 *           Cameras and features are valid over every bundle until their gate is closed; used later, or with another
 *           gate, they are refused with BRINK_BAD_HANDLE, never answered.
 *           A meter lives from brink_meter_open to brink_meter_close and belongs to its gate: close it first, or what was
 *           counted in the last 50 ms is lost. Its first line starts one thread, which writes. A reservation is the
 *           caller's until brink_reservation_free, and is used by one thread at a time.
 * FORK      A child process must open gates and meters of its own: on its parent's every call answers
 *           BRINK_NEEDS_REOPEN, at once. Reservations of the parent may be freed in it.
 * SIGNALS   No call may be made from a signal handler.
 * DENIAL    Act on `allowed`. A call that does not answer BRINK_OK allows nothing. Metered work waits for the BRINK_OK of
 *           its record or its reservation.
 * QUANTITY  Whole units and parts of 10^-12, exact. No float anywhere.
 * UPGRADES  Numbers are never reused and structs never change: what is new comes as new functions. A higher
 *           BRINK_ABI_VERSION is another SONAME. Treat a number that you do not know as a denial.
 */


#ifndef BRINK_H
#define BRINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The text of a string literal. */
#ifdef __cplusplus
#define BRINK_TEXT(literal) (brink_text{"" literal, sizeof(literal) - 1})
#else
#define BRINK_TEXT(literal) ((brink_text){"" literal, sizeof(literal) - 1})
#endif

/**
 * Longest text that any entry reads: PATH_MAX, far above every name. A length beyond it is a mistake, such as a
 * negative number or a buffer's size, and reading so far would leave the caller's memory.
 */
#define BRINK_TEXT_BYTES_MAX 4096

/**
 * Most classes of one component: above what any model tells apart, and below what a negative number would be.
 */
#define BRINK_CLASSES_MAX 1024

/**
 * Room for the name of a feature and a NUL.
 */
#define BRINK_FEATURE_BYTES 129

/**
 * A moment that never comes, or that is not known.
 */
#define BRINK_NEVER INT64_MAX

/**
 * Rises when a program built with an earlier header would misunderstand this library.
 */
#define BRINK_ABI_VERSION 1

/**
 * What a call came to. Numbers are never reused; the same codes are in logs, in JSON and in HTTP answers.
 */
enum brink_code
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Done.
     */
    BRINK_OK = 0,
    /**
     * Not three dot-separated base64url parts (step 1).
     */
    BRINK_MALFORMED = 1,
    /**
     * Above the document's size limit (step 1).
     */
    BRINK_TOO_LARGE = 2,
    /**
     * Padding, trailing bits or a signature of another length (step 2).
     */
    BRINK_BAD_BASE64 = 3,
    /**
     * Not a strict JSON object with exactly `alg`, `kid` and `typ` (step 3).
     */
    BRINK_BAD_HEADER = 4,
    /**
     * Another kind of document (step 4).
     */
    BRINK_WRONG_TYP = 5,
    /**
     * An algorithm other than Ed25519 (step 4).
     */
    BRINK_WRONG_ALG = 6,
    /**
     * No key of the keyset has this id.
     */
    BRINK_UNKNOWN_KID = 7,
    /**
     * The key exists for another use.
     */
    BRINK_KEY_USE = 8,
    /**
     * The key was revoked.
     */
    BRINK_KEY_REVOKED = 9,
    /**
     * The signature does not verify.
     */
    BRINK_BAD_SIGNATURE = 10,
    /**
     * A claim is absent, of another type or out of bounds.
     */
    BRINK_BAD_CLAIMS = 11,
    /**
     * A version or a `must` claim that this reader does not know.
     */
    BRINK_UNSUPPORTED = 12,
    /**
     * Signed outside the validity of its key.
     */
    BRINK_KEY_EXPIRED = 13,
    /**
     * Another issuer than the pinned one.
     */
    BRINK_WRONG_ISSUER = 14,
    /**
     * Meant for somebody else.
     */
    BRINK_WRONG_AUDIENCE = 15,
    /**
     * Another tenant, device, epoch or device key.
     */
    BRINK_WRONG_DEVICE = 16,
    /**
     * Older than what was accepted before.
     */
    BRINK_ROLLBACK = 17,
    /**
     * A sequence number too far ahead to be honest.
     */
    BRINK_SEQ_JUMP = 18,
    /**
     * The document wants a newer keyset than is held.
     */
    BRINK_KEYSET_TOO_OLD = 19,
    /**
     * Cameras on unnamed seats beyond what the licence allows.
     */
    BRINK_SEAT_RULE = 24,
    /**
     * Not the successor of the version held.
     */
    BRINK_MANIFEST_VERSION = 30,
    /**
     * Does not link to the version held.
     */
    BRINK_MANIFEST_LINK = 31,
    /**
     * Too few distinct root keys signed.
     */
    BRINK_MANIFEST_THRESHOLD = 32,
    /**
     * A key or the root set is not acceptable.
     */
    BRINK_MANIFEST_KEYS = 33,
    /**
     * Another content for a version already held.
     */
    BRINK_MANIFEST_EQUIVOCATION = 34,
    /**
     * The manifest held has expired, so nothing new is accepted under it.
     */
    BRINK_MANIFEST_EXPIRED = 35,
    /**
     * An identifier with a character or length that is not allowed.
     */
    BRINK_BAD_ID = 50,
    /**
     * A public key that must not be used.
     */
    BRINK_BAD_KEY = 51,
    /**
     * A trust anchor that must not be used.
     */
    BRINK_BAD_TRUST = 52,
    /**
     * The receipt does not answer the request that is pending.
     */
    BRINK_WRONG_NONCE = 60,
    /**
     * The ratchet beside the receipt is not the one it signed.
     */
    BRINK_WRONG_RATCHET = 61,
    /**
     * The proof does not cover this request.
     */
    BRINK_WRONG_PROOF = 62,
    /**
     * The challenge is of another boot, or was made too long ago.
     */
    BRINK_CHALLENGE_OVER = 63,
    /**
     * A typed text that its check characters do not fit.
     */
    BRINK_MISTYPED = 64,
    /**
     * The bundle's checksum does not match: damage, not forgery.
     */
    BRINK_BUNDLE_DAMAGED = 70,
    /**
     * A pointer that must not be null is.
     */
    BRINK_NULL_POINTER = 80,
    /**
     * A text that is not UTF-8.
     */
    BRINK_BAD_UTF8 = 81,
    /**
     * A length or an index that cannot be.
     */
    BRINK_OUT_OF_RANGE = 82,
    /**
     * A handle that this gate did not give out, or of a gate that was closed.
     */
    BRINK_BAD_HANDLE = 83,
    /**
     * The process was forked since the gate was opened: open one in this process.
     */
    BRINK_NEEDS_REOPEN = 84,
    /**
     * More gates or handles than a process may hold.
     */
    BRINK_TOO_MANY = 85,
    /**
     * The machine does not tell its boot, or no thread can be started.
     */
    BRINK_UNAVAILABLE = 86,
    /**
     * A kind or a subtype of component that no rule names: it is never allowed.
     */
    BRINK_UNKNOWN_COMPONENT = 87,
    /**
     * A detector that names no class, and so would find all of them: it is never allowed.
     */
    BRINK_CLASSES_MISSING = 88,
    /**
     * Not a decimal of at least zero with at most 12 places, or too large.
     */
    BRINK_BAD_QUANTITY = 90,
    /**
     * Records that were edited, removed, reordered or duplicated.
     */
    BRINK_BAD_CHAIN = 91,
    /**
     * A defect of Brink: the call had no effect.
     */
    BRINK_INTERNAL = 99,
    /**
     * A quota of the licence does not allow it; brink_meter_quota says what is left and when it begins again.
     */
    BRINK_QUOTA_EXCEEDED = 110,
    /**
     * What was set aside of a quota is used up for the moment: use brink_meter_record, or try again in 50 ms.
     */
    BRINK_QUOTA_NOT_SET_ASIDE = 111,
    /**
     * More uses wait to be written than can: use brink_meter_record, which waits.
     */
    BRINK_USAGE_QUEUE_FULL = 112,
    /**
     * The device was not activated: nobody can be charged.
     */
    BRINK_NOT_ACTIVATED = 113,
    /**
     * Other processes kept the journal too long.
     */
    BRINK_JOURNAL_BUSY = 114,
    /**
     * The journal cannot be opened or written.
     */
    BRINK_JOURNAL_UNUSABLE = 115,
    /**
     * The journal says what it cannot say; its agent mends it.
     */
    BRINK_JOURNAL_DAMAGED = 116,
    /**
     * The agent has not brought the journal to this version yet.
     */
    BRINK_JOURNAL_NOT_YET = 117,
    /**
     * The agent put another journal in its place: try again.
     */
    BRINK_JOURNAL_SET_ASIDE = 118,
    /**
     * The machine does not tell its boot or time.
     */
    BRINK_CLOCK_UNREADABLE = 119,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum brink_code brink_code;
#else
typedef uint32_t brink_code;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What the licence says, before the enforcement profile. 0 is neither.
 */
enum brink_verdict
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Licensed.
     */
    BRINK_VERDICT_ALLOW = 1,
    /**
     * Not licensed.
     */
    BRINK_VERDICT_DENY = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum brink_verdict brink_verdict;
#else
typedef uint8_t brink_verdict;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Why a decision is what it is. The order is the precedence: the first that applies is the one reported.
 */
enum brink_reason
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The gate no longer knows: it was closed, or its process was forked. Asking it again does not help.
     */
    BRINK_REASON_NEEDS_REOPEN = 1,
    /**
     * A handle that this gate did not give out.
     */
    BRINK_REASON_UNKNOWN_HANDLE = 2,
    /**
     * The store is older than what it once accepted.
     */
    BRINK_REASON_STORE_TAMPERED = 3,
    /**
     * The issuer withdrew the licence.
     */
    BRINK_REASON_REVOKED = 4,
    /**
     * The key that signed the licence was revoked.
     */
    BRINK_REASON_KEY_COMPROMISE = 5,
    /**
     * The issuer holds the licence back.
     */
    BRINK_REASON_SUSPENDED = 6,
    /**
     * No licence has been accepted.
     */
    BRINK_REASON_UNLICENSED = 7,
    /**
     * The bundle has been on a machine without presence for too long.
     */
    BRINK_REASON_UNATTESTED = 8,
    /**
     * The clock was held back for too long.
     */
    BRINK_REASON_CLOCK_TAMPERED = 9,
    /**
     * The licence has not begun.
     */
    BRINK_REASON_NOT_YET_VALID = 10,
    /**
     * The licence, its offline limit and its grace are over.
     */
    BRINK_REASON_EXPIRED = 11,
    /**
     * No grant names the camera.
     */
    BRINK_REASON_CAMERA_NOT_LICENSED = 12,
    /**
     * No pack of the licence has the feature.
     */
    BRINK_REASON_FEATURE_NOT_LICENSED = 13,
    /**
     * The camera's grant ended before the licence.
     */
    BRINK_REASON_GRANT_ENDED = 14,
    /**
     * A pack of the licence has the feature, but not for this camera.
     */
    BRINK_REASON_FEATURE_NOT_GRANTED = 15,
    /**
     * Yes.
     */
    BRINK_REASON_GRANTED = 16,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum brink_reason brink_reason;
#else
typedef uint8_t brink_reason;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The licence's state. The order is the precedence.
 */
enum brink_state
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Accepted documents or marks older than the anchor, and nothing at hand reaches it.
     */
    BRINK_STATE_STORE_TAMPERED = 1,
    /**
     * The issuer withdrew the licence, or the key that signed it.
     */
    BRINK_STATE_REVOKED = 2,
    /**
     * The issuer holds the licence back.
     */
    BRINK_STATE_SUSPENDED = 3,
    /**
     * No valid licence.
     */
    BRINK_STATE_UNLICENSED = 4,
    /**
     * The clock was held back for more than a day of run time.
     */
    BRINK_STATE_CLOCK_TAMPERED = 5,
    /**
     * Before nbf.
     */
    BRINK_STATE_NOT_YET_VALID = 6,
    /**
     * After exp and grace, or offline beyond its limit and grace.
     */
    BRINK_STATE_EXPIRED = 7,
    /**
     * After exp, or offline beyond its limit: work goes on, flagged.
     */
    BRINK_STATE_GRACE = 8,
    /**
     * In force.
     */
    BRINK_STATE_ACTIVE = 9,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum brink_state brink_state;
#else
typedef uint8_t brink_state;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The commercial mode of a licence. Decisions do not depend on it.
 */
enum brink_mode
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * A trial.
     */
    BRINK_MODE_TRIAL = 1,
    /**
     * Paid.
     */
    BRINK_MODE_BASE = 2,
    /**
     * Nothing is licensed, or there is no licence.
     */
    BRINK_MODE_UNLICENSED = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum brink_mode brink_mode;
#else
typedef uint8_t brink_mode;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How a use that was recorded stands to its quota.
 */
enum brink_overage
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Within it, or there is none.
     */
    BRINK_OVERAGE_WITHIN = 1,
    /**
     * Beyond it, which the licence allows.
     */
    BRINK_OVERAGE_OVER = 2,
    /**
     * Beyond it or beyond its reservation, and somebody should be told.
     */
    BRINK_OVERAGE_FLAGGED = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum brink_overage brink_overage;
#else
typedef uint8_t brink_overage;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What happens beyond a quota.
 */
enum brink_over
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * It is recorded.
     */
    BRINK_OVER_ALLOW = 1,
    /**
     * It is recorded and flagged.
     */
    BRINK_OVER_WARN = 2,
    /**
     * It is refused with BRINK_QUOTA_EXCEEDED.
     */
    BRINK_OVER_DENY = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum brink_over brink_over;
#else
typedef uint8_t brink_over;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Facts beside a decision: bits of its `flags`.
 */
enum brink_flag
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * In grace: renew soon.
     */
    BRINK_FLAG_GRACE = 1,
    /**
     * The clock was never set since boot.
     */
    BRINK_FLAG_CLOCK_UNSET = 2,
    /**
     * The clock stands before what is known.
     */
    BRINK_FLAG_CLOCK_BACK = 4,
    /**
     * The clock jumped ahead.
     */
    BRINK_FLAG_CLOCK_JUMP = 8,
    /**
     * Presence on this machine is not confirmed.
     */
    BRINK_FLAG_UNATTESTED = 16,
    /**
     * Allowed by the profile although the verdict is "deny".
     */
    BRINK_FLAG_WARNED = 32,
    /**
     * The profile `degrade`: what runs may go on, nothing new may start.
     */
    BRINK_FLAG_KEEP_RUNNING = 64,
    /**
     * The newest bundle was refused and an earlier one is in force.
     */
    BRINK_FLAG_BUNDLE_REFUSED = 128,
    /**
     * The keyset manifest has expired: nothing new is accepted under it.
     */
    BRINK_FLAG_KEYSET_EXPIRED = 256,
    /**
     * The clock's marks cannot be kept beyond this process.
     */
    BRINK_FLAG_CLOCK_UNKEPT = 512,
    /**
     * The journal was damaged and begun again.
     */
    BRINK_FLAG_JOURNAL_DAMAGED = 1024,
    /**
     * The document of unnamed seats was refused: cameras that the licence names go on.
     */
    BRINK_FLAG_SEATS_REFUSED = 2048,
    /**
     * An extension keeps the licence going: it would be in grace or over without.
     */
    BRINK_FLAG_EXTENDED = 4096,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum brink_flag brink_flag;
#else
typedef uint32_t brink_flag;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The cameras of a licence and their packs, as they were when they were asked for. Owned by whoever asked; valid after
 * the gate was closed; read by any number of threads; freed once, by brink_grants_free.
 */
typedef struct brink_grants brink_grants;

/**
 * Room that was set aside. Owned by whoever asked; used by one thread at a time; freed once, by brink_reservation_free.
 * Freed before it was settled it is wasted until the quota's span ends, as it is when the process is killed.
 */
typedef struct brink_reservation brink_reservation;

/**
 * UTF-8 text of somebody else: a pointer and a number of bytes, with no NUL at the end.
 */
typedef struct brink_text {
    /**
     * The first byte.
     */
    const char *ptr;
    /**
     * How many bytes.
     */
    size_t len;
} brink_text;

/**
 * The issuer and the root keys that a host was built with. `brink-edge trust header` writes one to compile in.
 */
typedef struct brink_trust {
    /**
     * The issuer's name.
     */
    struct brink_text issuer;
    /**
     * Thumbprints of the root keys (RFC 7638), 43 characters of base64url each.
     */
    const struct brink_text *roots;
    /**
     * How many.
     */
    size_t roots_len;
    /**
     * How many of them must have signed.
     */
    uint32_t threshold;
} brink_trust;

/**
 * An open gate: a plain value that any thread may copy and keep. All zeros are no gate's.
 */
typedef struct brink_gate {
    /**
     * Which place.
     */
    uint32_t slot;
    /**
     * Which of the gates that had it.
     */
    uint32_t tag;
} brink_gate;

/**
 * The answer to "may this camera use this feature now?".
 */
typedef struct brink_decision {
    /**
     * For "allow" the second from which it may be "deny"; for a licence that has not begun the second when it does;
     * BRINK_NEVER otherwise. Guarded time, seconds since 1970.
     */
    int64_t until;
    /**
     * Bits of brink_flag.
     */
    uint32_t flags;
    /**
     * What to do: the verdict under the licence's enforcement profile.
     */
    bool allowed;
    /**
     * What the licence says.
     */
    brink_verdict verdict;
    /**
     * Why.
     */
    brink_reason reason;
    /**
     * The licence's state.
     */
    brink_state state;
} brink_decision;

/**
 * A camera of one gate, looked up once. Valid over every bundle until the gate is closed.
 */
typedef struct brink_camera {
    /**
     * The gate that gave it out.
     */
    uint32_t gate;
    /**
     * Its number there.
     */
    uint32_t index;
} brink_camera;

/**
 * A feature of one gate, looked up once. Valid over every bundle until the gate is closed.
 */
typedef struct brink_feature {
    /**
     * The gate that gave it out.
     */
    uint32_t gate;
    /**
     * Its number there.
     */
    uint32_t index;
} brink_feature;

/**
 * What a gate holds, as of the moment it was asked. Moments are guarded time in seconds since 1970.
 */
typedef struct brink_status {
    /**
     * The guarded time.
     */
    int64_t now;
    /**
     * The licence is in force from here on.
     */
    int64_t opens_at;
    /**
     * From here on it is grace.
     */
    int64_t grace_at;
    /**
     * From here on it is over.
     */
    int64_t ends_at;
    /**
     * From here on nothing vouches for this machine; BRINK_NEVER at home.
     */
    int64_t unattested_at;
    /**
     * When the state changes by itself; BRINK_NEVER when only a new bundle can change it.
     */
    int64_t next_transition_at;
    /**
     * The issuer's time in the last receipt; BRINK_NEVER without one.
     */
    int64_t receipt_at;
    /**
     * The licence's number; 0 without one.
     */
    uint64_t licence_seq;
    /**
     * The version of the keyset that verified it; 0 without one.
     */
    uint64_t keyset_version;
    /**
     * Cameras that are licensed: named, or on an unnamed seat.
     */
    uint64_t cameras;
    /**
     * Seats that the licence names no camera for, taken or free.
     */
    uint32_t unnamed_seats;
    /**
     * Bits of brink_flag.
     */
    uint32_t flags;
    /**
     * Why the file as it stands is not in force; BRINK_OK when it is. brink_gate_refusal says it in words.
     */
    brink_code refused;
    /**
     * The state now.
     */
    brink_state state;
    /**
     * Why.
     */
    brink_reason reason;
    /**
     * The commercial mode.
     */
    brink_mode mode;
} brink_status;

/**
 * One camera of a list of grants.
 */
typedef struct brink_grant {
    /**
     * The camera's name, which lives as long as the list.
     */
    struct brink_text camera;
    /**
     * The second from which its grant is over; BRINK_NEVER for one that ends with the licence.
     */
    int64_t until;
    /**
     * How many packs it has, the device's included.
     */
    size_t packs;
} brink_grant;

/**
 * An open meter: a plain value that any thread may copy and keep. All zeros are no meter's.
 */
typedef struct brink_meter {
    /**
     * Which place.
     */
    uint32_t slot;
    /**
     * Which of the meters that had it.
     */
    uint32_t tag;
} brink_meter;

/**
 * How much, exactly: whole units and parts of 10^-12. 1.5 is {1, 500000000000}.
 */
typedef struct brink_quantity {
    /**
     * Whole units.
     */
    uint64_t whole;
    /**
     * Parts of 10^-12, fewer than make a unit.
     */
    uint64_t trillionths;
} brink_quantity;

/**
 * Where a use went.
 */
typedef struct brink_recorded {
    /**
     * The number of its record.
     */
    uint64_t seq;
    /**
     * What its meter has come to with that record; the largest where it does not fit.
     */
    struct brink_quantity total;
    /**
     * How it stands to its quota.
     */
    brink_overage overage;
} brink_recorded;

/**
 * What is counted and by whom, looked up once. Valid until its meter is closed.
 */
typedef struct brink_line {
    /**
     * The meter that gave it out.
     */
    uint32_t meter;
    /**
     * Its number there.
     */
    uint32_t index;
} brink_line;

/**
 * How the quota of a meter stands.
 */
typedef struct brink_quota {
    /**
     * How much in the span; zero where nothing is limited.
     */
    struct brink_quantity limit;
    /**
     * Recorded in the span; the largest where it does not fit.
     */
    struct brink_quantity used;
    /**
     * Set aside for what is recorded later, by all processes.
     */
    struct brink_quantity set_aside;
    /**
     * What may still be used; the largest where nothing is limited.
     */
    struct brink_quantity remaining;
    /**
     * When the count begins again; BRINK_NEVER where only a licence begins it. Guarded time, seconds since 1970.
     */
    int64_t resets_at;
    /**
     * What happens beyond the limit.
     */
    brink_over over;
    /**
     * The licence limits this meter. Where it does not, everything is recorded.
     */
    bool limited;
    /**
     * The journal was damaged: a quota that refuses counts as spent until the next exchange.
     */
    bool in_doubt;
    /**
     * The licence is not in force: nothing of a quota that refuses may be used.
     */
    bool closed;
} brink_quota;

/**
 * A part of a camera's pipeline, as its host names it.
 */
typedef struct brink_component {
    /**
     * "source", "processor" or "sink".
     */
    struct brink_text kind;
    /**
     * What it is called among those, such as "line_zone_manager".
     */
    struct brink_text subtype;
    /**
     * The classes that it looks for, such as "person". A detector has to name some; NULL only where `classes_len` is 0.
     */
    const struct brink_text *classes;
    /**
     * How many.
     */
    size_t classes_len;
} brink_component;

/**
 * The answer to "may this component be made for this camera now?".
 */
typedef struct brink_component_decision {
    /**
     * The first "no" among a seat for the camera and every feature, or until when all of it is "yes".
     */
    struct brink_decision decision;
    /**
     * The feature that is missing, category/name, filled up with NULs: no pack of the licence has it, or none of the
     * camera's. Empty where something else decided.
     */
    char missing[BRINK_FEATURE_BYTES];
} brink_component_decision;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Opens a gate on the bundle that the agent publishes, believing these root keys alone. A bundle that is absent or
 * refused is no error: the gate denies, and takes up the first good one within a second. One gate serves a process.
 */
brink_code brink_gate_open(struct brink_text path,
                           const struct brink_trust *trust,
                           struct brink_gate *out);

/**
 * Closes a gate and joins its thread. Other threads may be asking it: they are answered, and from then on told
 * BRINK_BAD_HANDLE. In a child of the process that opened it, it answers BRINK_NEEDS_REOPEN and does nothing.
 */
brink_code brink_gate_close(struct brink_gate gate);

/**
 * May the camera use the feature now? Names that no licence has are denied and not refused. No lock, no system call, and
 * after a thread's first question no allocation.
 */
brink_code brink_gate_check(struct brink_gate gate,
                            struct brink_text camera,
                            struct brink_text feature,
                            struct brink_decision *out);

/**
 * Looks a camera up once, for brink_gate_check_handles. It need not be licensed yet.
 */
brink_code brink_gate_camera(struct brink_gate gate, struct brink_text name, struct brink_camera *out);

/**
 * Looks a feature up once, written as category/name.
 */
brink_code brink_gate_feature(struct brink_gate gate, struct brink_text name, struct brink_feature *out);

/**
 * The same question by handles of this gate, several times as fast. For every frame.
 */
brink_code brink_gate_check_handles(struct brink_gate gate,
                                    struct brink_camera camera,
                                    struct brink_feature feature,
                                    struct brink_decision *out);

/**
 * What is in force, until when, and whether the file as it stands was refused. Takes a lock for a moment: for status
 * pages, not for frames.
 */
brink_code brink_gate_status(struct brink_gate gate,
                             struct brink_status *out);

/**
 * Why the file as it stands is not in force, in words: UTF-8 with no NUL, empty when it is in force. `needed` gets the
 * number of bytes; where `capacity` is less, the answer is BRINK_OUT_OF_RANGE and nothing else is written.
 */
brink_code brink_gate_refusal(struct brink_gate gate,
                              char *buffer,
                              size_t capacity,
                              size_t *needed);

/**
 * Lists what the licence in force grants: nothing without one. Whether it is in force now is brink_gate_status's to say.
 */
brink_code brink_gate_grants(struct brink_gate gate,
                             struct brink_grants **out);

/**
 * How many cameras the list has, sorted by name.
 */
brink_code brink_grants_count(const struct brink_grants *grants, size_t *out);

/**
 * One camera of the list.
 */
brink_code brink_grants_camera(const struct brink_grants *grants, size_t camera, struct brink_grant *out);

/**
 * One pack of a camera. The text lives as long as the list.
 */
brink_code brink_grants_pack(const struct brink_grants *grants,
                             size_t camera,
                             size_t pack,
                             struct brink_text *out);

/**
 * Frees a list and every text of it. NULL is taken and nothing happens.
 */
void brink_grants_free(struct brink_grants *grants);

/**
 * Opens the meter of a gate, in the journal beside the gate's bundle. Nothing on the disk is touched before the first use.
 * One meter serves a process.
 */
brink_code brink_meter_open(struct brink_gate gate,
                            struct brink_meter *out);

/**
 * Writes what was counted, gives back what was set aside, and closes the meter. When the last of it cannot be written the
 * answer says why and the meter stays open, so that it can be tried again. Close it before its gate.
 */
brink_code brink_meter_close(struct brink_meter meter);

/**
 * Records a use of a meter, if its quota allows it: BRINK_QUOTA_EXCEEDED leaves no trace. Durable when it answers BRINK_OK.
 * `resource` is the camera, or what else used it; an empty text is the device as a whole.
 */
brink_code brink_meter_record(struct brink_meter meter,
                              struct brink_text name,
                              struct brink_text resource,
                              struct brink_quantity quantity,
                              struct brink_recorded *out);

/**
 * Looks up once what is counted and by whom, for brink_meter_record_nowait. Sets a part of the quota aside, and with the
 * first line starts the meter's thread.
 */
brink_code brink_meter_line(struct brink_meter meter,
                            struct brink_text name,
                            struct brink_text resource,
                            struct brink_line *out);

/**
 * Counts a use from memory and returns at once: durable within 50 ms, and lost with a process that is killed before. For
 * every frame: no lock, no system call, and after a thread's first use no allocation. Never exceeds a quota that refuses.
 */
brink_code brink_meter_record_nowait(struct brink_meter meter,
                                     struct brink_line line,
                                     struct brink_quantity quantity);

/**
 * Writes what was counted, now.
 */
brink_code brink_meter_flush(struct brink_meter meter);

/**
 * Holds room for work whose size is known afterwards, at most `max`, durably. Settle it with brink_reservation_commit or
 * brink_reservation_release, and free it with brink_reservation_free.
 */
brink_code brink_meter_reserve(struct brink_meter meter,
                               struct brink_text name,
                               struct brink_text resource,
                               struct brink_quantity max,
                               struct brink_reservation **out);

/**
 * How the quota of a meter stands. Reads the journal: for status pages and after a denial, not for frames.
 */
brink_code brink_meter_quota(struct brink_meter meter, struct brink_text name, struct brink_quota *out);

/**
 * May the component be made for the camera now? It needs a seat for the camera, the feature that it is sold as, and one for
 * every class: docs/C_ABI.md has the table. What the table does not name is BRINK_UNKNOWN_COMPONENT, and a detector
 * without classes BRINK_CLASSES_MISSING: neither is ever allowed, nor is anything without an open gate.
 */
brink_code brink_gate_check_component(struct brink_gate gate,
                                      struct brink_text camera,
                                      const struct brink_component *component,
                                      struct brink_component_decision *out);

/**
 * Looks up once the features that a component needs, for brink_gate_check_handles with every frame. `needed` gets their
 * number, 0 for a source; where `capacity` is less, the answer is BRINK_OUT_OF_RANGE and nothing else is written.
 */
brink_code brink_gate_component_features(struct brink_gate gate,
                                         const struct brink_component *component,
                                         struct brink_feature *features,
                                         size_t capacity,
                                         size_t *needed);

/**
 * Records what the work came to, durably, and gives the rest back. More than was reserved is recorded too, and flagged.
 * After a failure it can be tried again; a second time after success answers BRINK_BAD_HANDLE.
 */
brink_code brink_reservation_commit(const struct brink_reservation *reservation,
                                    struct brink_quantity actual,
                                    struct brink_recorded *out);

/**
 * Gives all of it back: nothing was done.
 */
brink_code brink_reservation_release(const struct brink_reservation *reservation);

/**
 * Frees a reservation, settled or not. NULL is taken and nothing happens.
 */
void brink_reservation_free(struct brink_reservation *reservation);

/**
 * The stable name of a brink_code, such as "BAD_HANDLE".
 */
const char *brink_code_name(uint32_t code);

/**
 * The stable name of a brink_reason, such as "feature_not_granted".
 */
const char *brink_reason_name(uint32_t reason);

/**
 * What a person can do about a brink_reason, in one sentence.
 */
const char *brink_reason_mend(uint32_t reason);

/**
 * The stable name of a brink_state, such as "grace".
 */
const char *brink_state_name(uint32_t state);

/**
 * The stable name of a brink_verdict: "allow" or "deny".
 */
const char *brink_verdict_name(uint32_t verdict);

/**
 * The stable name of one bit of brink_flag, such as "keep_running".
 */
const char *brink_flag_name(uint32_t bit);

/**
 * The version of this library, such as "0.1.0".
 */
const char *brink_version(void);

/**
 * The number in the shared library's SONAME: compare it with BRINK_ABI_VERSION of the header that a program was built
 * with.
 */
uint32_t brink_abi_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* BRINK_H */
