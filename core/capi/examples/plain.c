/* A host in plain C: asks once by names, then by handles, and shows what is licensed.
 *
 *   plain BUNDLE CAMERA FEATURE      ends with 0 when allowed, 3 when not, 1 when it could not ask
 */
#include <brink.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "brink_trust.h"

static brink_text text(const char *string) {
    brink_text text = {string, strlen(string)};
    return text;
}

static int failed(const char *what, brink_code code) {
    fprintf(stderr, "%s: %s\n", what, brink_code_name(code));
    return 1;
}

static int list(brink_gate gate) {
    brink_grants *grants = NULL;
    brink_code code = brink_gate_grants(gate, &grants);
    if (code != BRINK_OK) {
        return failed("the list of grants", code);
    }
    size_t count = 0;
    code = brink_grants_count(grants, &count);
    for (size_t i = 0; code == BRINK_OK && i < count; i++) {
        brink_grant grant;
        code = brink_grants_camera(grants, i, &grant);
        if (code != BRINK_OK) {
            break;
        }
        printf("%.*s:", (int)grant.camera.len, grant.camera.ptr);
        for (size_t pack = 0; code == BRINK_OK && pack < grant.packs; pack++) {
            brink_text name;
            code = brink_grants_pack(grants, i, pack, &name);
            if (code == BRINK_OK) {
                printf(" %.*s", (int)name.len, name.ptr);
            }
        }
        printf("\n");
    }
    brink_grants_free(grants);
    return code == BRINK_OK ? 0 : failed("a grant", code);
}

static int ask(brink_gate gate, const char *camera_name, const char *feature_name) {
    brink_camera camera;
    brink_feature feature;
    brink_decision decision;
    brink_code code = brink_gate_camera(gate, text(camera_name), &camera);
    if (code == BRINK_OK) {
        code = brink_gate_feature(gate, text(feature_name), &feature);
    }
    /* Handles are looked up once; a host asks with them for every frame. */
    if (code == BRINK_OK) {
        code = brink_gate_check_handles(gate, camera, feature, &decision);
    }
    if (code != BRINK_OK) {
        return failed("the question", code);
    }
    printf("%s %s: %s, %s", camera_name, feature_name, decision.allowed ? "allowed" : "not allowed",
           brink_reason_name(decision.reason));
    if (decision.until != BRINK_NEVER) {
        printf(", until %" PRId64, decision.until);
    }
    printf("\n");
    if (!decision.allowed) {
        printf("mend: %s\n", brink_reason_mend(decision.reason));
    }
    return decision.allowed ? 0 : 3;
}

int main(int count, char **arguments) {
    if (count != 4) {
        fprintf(stderr, "plain BUNDLE CAMERA FEATURE\n");
        return 2;
    }
    if (brink_abi_version() != BRINK_ABI_VERSION) {
        fprintf(stderr, "built for another libbrink\n");
        return 1;
    }
    brink_gate gate;
    brink_code code = brink_gate_open(text(arguments[1]), &BRINK_TRUST, &gate);
    if (code != BRINK_OK) {
        return failed("the gate", code);
    }
    int result = list(gate);
    if (result == 0) {
        result = ask(gate, arguments[2], arguments[3]);
    }
    code = brink_gate_close(gate);
    return code == BRINK_OK ? result : failed("closing", code);
}
