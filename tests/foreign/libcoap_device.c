/* An LwM2M 1.0 client on libcoap, to be linked with its OpenSSL or its GnuTLS build: asks to be bootstrapped, serves the
 * bootstrap on the same association, prints what it then holds as one JSON document. It knows TLV and nothing else.
 * The exit code is 0 only after an accepted Finish.
 *
 * It proves itself with a pre-shared key, with a certificate, or with a raw public key (GnuTLS alone); without any of
 * them it speaks plain CoAP over TCP. Bodies in blocks are put together by libcoap, or by this file where the client is
 * to take small blocks only, which this version of libcoap cannot ask for.
 *
 * Written from LwM2M TS 1.0 (5.2.7, 6.4.3, annex E) and RFC 7959 without a line of the server's code.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <coap3/coap.h>

enum { LINK_FORMAT = 40, TLV = 11542, MOST = 64, BODY_MOST = 16384 };

/* One object instance as it was written: its TLV payload. */
struct instance {
    unsigned object, id;
    uint8_t tlv[BODY_MOST];
    size_t length;
};

/* One Resource TLV inside a payload. */
struct resource {
    unsigned kind, id;
    const uint8_t *value;
    size_t length;
};

static struct instance held[MOST];
static size_t held_count;
static char requests[MOST][256];
static size_t request_count;
static unsigned bootstrap_instance;
static const char *server, *endpoint, *failure;
static char failure_text[256];
static int accepted, finished;
/* The largest block that is taken, 0 for what libcoap takes; and whether larger ones are refused, not just answered so. */
static unsigned block_size;
static int refuses_larger;
/* Blocks taken by this file, and bytes of the largest payload among them that came after the size was named. */
static unsigned blocks_taken, largest_block;

/* How the client proves itself, and what it believes of the server: files, as they stand in the arguments. */
static const char *identity, *key_file, *certificate, *private_key, *trust_anchor, *raw_public_key, *server_public_key;
static char *server_name;

/* ---- what the client holds ---------------------------------------------------------------------------------------- */

/* Reads the TLV at *at and moves on; 1, or 0 at the end, or -1 if it does not fit in. */
static int next_tlv(const uint8_t *data, size_t length, size_t *at, struct resource *out) {
    if (*at == length)
        return 0;
    unsigned head = data[(*at)++], id_width = head & 0x20 ? 2 : 1, length_width = head >> 3 & 3;
    if (length - *at < id_width + length_width)
        return -1;
    out->kind = head >> 6;
    for (out->id = 0; id_width > 0; id_width--)
        out->id = out->id << 8 | data[(*at)++];
    for (out->length = length_width ? 0 : head & 7; length_width > 0; length_width--)
        out->length = out->length << 8 | data[(*at)++];
    if (length - *at < out->length)
        return -1;
    out->value = data + *at;
    *at += out->length;
    return 1;
}

/* The integer in a TLV value: big-endian two's complement of 1, 2, 4 or 8 bytes. */
static long long integer(const struct resource *resource) {
    long long value = resource->length && resource->value[0] & 0x80 ? -1 : 0;
    for (size_t i = 0; i < resource->length; i++)
        value = (long long)((unsigned long long)value << 8 | resource->value[i]);
    return value;
}

/* The Short Server ID of a Security or Server instance; -1 where there is none. */
static long long ssid_of(const struct instance *instance) {
    struct resource resource;
    for (size_t at = 0; next_tlv(instance->tlv, instance->length, &at, &resource) == 1;)
        if (resource.id == (instance->object == 0 ? 10u : 0u))
            return integer(&resource);
    return -1;
}

/* Whether every Security instance has its Server instance and there is one at least. */
static int consistent(void) {
    size_t accounts = 0, servers = 0;
    for (size_t i = 0; i < held_count; i++) {
        int pairs = 0;
        for (size_t j = 0; j < held_count; j++)
            pairs += held[i].object != held[j].object && ssid_of(&held[i]) == ssid_of(&held[j]);
        if (pairs != 1)
            return 0;
        held[i].object == 0 ? accounts++ : servers++;
    }
    return accounts > 0 && accounts == servers;
}

static void drop(unsigned object, int any_object, unsigned id, int any_instance) {
    size_t kept = 0;
    for (size_t i = 0; i < held_count; i++)
        if (!((any_object || held[i].object == object) && (any_instance || held[i].id == id)))
            held[kept++] = held[i];
    held_count = kept;
}

/* ---- the CoAP server: one function for each operation ------------------------------------------------------------- */

/* Answers with a code, and notes the request and why it was refused. */
static void answer(const coap_pdu_t *request, coap_pdu_t *response, const char *shown, int code, const char *reason) {
    static const char *const methods[] = {"?", "GET", "POST", "PUT", "DELETE"};
    unsigned method = coap_pdu_get_code(request);
    coap_pdu_set_code(response, code);
    if (!accepted) {
        failure = "an operation came before the answer to /bs";
        finished = 1;
    }
    if (request_count < MOST)
        snprintf(requests[request_count++], sizeof requests[0], "%s %s%s%s%s -> %d.%02d", methods[method < 5 ? method : 0],
                 shown, reason ? " (" : "", reason ? reason : "", reason ? ")" : "", code >> 5, code & 31);
    if (reason)
        coap_add_data(response, strlen(reason), (const uint8_t *)reason);
}

/* The ids in the path, such as 0 and 1 of "0/1"; how many, or -1 if it is no such path. */
static int ids_in(const coap_string_t *path, unsigned *object, unsigned *id) {
    int used = 0, count = sscanf((const char *)path->s, "%u/%u%n", object, id, &used);
    if (count == 2)
        return used == (int)path->length ? 2 : -1;
    return sscanf((const char *)path->s, "%u%n", object, &used) == 1 && used == (int)path->length ? 1 : -1;
}

static long option_of(const coap_pdu_t *request, coap_option_num_t number) {
    coap_opt_iterator_t iterator;
    coap_opt_t *option = coap_check_option(request, number, &iterator);
    return option ? (long)coap_decode_var_bytes(coap_opt_value(option), coap_opt_length(option)) : -1;
}

/* Bootstrap-Discover of the root, in the form of LwM2M 1.0: `lwm2m` is quoted and names no link. */
static void discover(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
                     const coap_string_t *query, coap_pdu_t *response) {
    (void)resource, (void)session, (void)query;
    char links[4096], format[2];
    int at = snprintf(links, sizeof links, "lwm2m=\"1.0\",</0/%u>,</3/0>", bootstrap_instance);
    for (size_t i = 0; i < held_count; i++)
        at += snprintf(links + at, sizeof links - (size_t)at, ",</%u/%u>;ssid=%lld", held[i].object, held[i].id,
                       ssid_of(&held[i]));
    if (option_of(request, COAP_OPTION_ACCEPT) != LINK_FORMAT) {
        answer(request, response, "/", COAP_RESPONSE_CODE_NOT_ACCEPTABLE, "Discover asks for link format");
        return;
    }
    answer(request, response, "/", COAP_RESPONSE_CODE_CONTENT, NULL);
    coap_add_option(response, COAP_OPTION_CONTENT_FORMAT,
                    coap_encode_var_safe((uint8_t *)format, sizeof format, LINK_FORMAT), (const uint8_t *)format);
    coap_add_data(response, (size_t)at, (const uint8_t *)links);
}

/* Bootstrap-Delete: the bootstrap account and the Device object stay. */
static void delete(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
                   const coap_string_t *query, coap_pdu_t *response) {
    (void)resource, (void)session, (void)query;
    coap_string_t *path = coap_get_uri_path(request);
    unsigned object = 0, id = 0;
    int ids = path->length == 0 ? 0 : ids_in(path, &object, &id);
    char shown[64];
    snprintf(shown, sizeof shown, "/%.60s", (const char *)path->s);
    if (ids < 0)
        answer(request, response, shown, COAP_RESPONSE_CODE_BAD_REQUEST, "no such path");
    else if (ids == 2 && object == 0 && id == bootstrap_instance)
        answer(request, response, shown, COAP_RESPONSE_CODE_BAD_REQUEST, "the bootstrap account stays");
    else {
        drop(object, ids == 0, id, ids < 2);
        answer(request, response, shown, COAP_RESPONSE_CODE_DELETED, NULL);
    }
    coap_delete_string(path);
}

/* Whether a payload is a row of Resource TLVs. */
static int well_formed(const uint8_t *data, size_t length) {
    struct resource resource;
    int more;
    for (size_t at = 0; (more = next_tlv(data, length, &at, &resource)) == 1;)
        if (resource.kind != 3)
            return 0;
    return more == 0 && length > 0;
}

/* Takes one block of a body (RFC 7959 section 2.5): 1 when `data` is the whole body, else the block has been answered. */
static int take_block(const coap_pdu_t *request, coap_pdu_t *response, const char *shown, const uint8_t **data,
                      size_t *length) {
    static uint8_t body[BODY_MOST];
    static size_t taken;
    static int size_was_named;
    unsigned exponent = 0;
    coap_block_t block = {0, 0, 0};
    int in_blocks = coap_get_block(request, COAP_OPTION_BLOCK1, &block);
    uint8_t option[4];
    while (16u << exponent < block_size)
        exponent++;
    if (refuses_larger && (*length > block_size || (in_blocks && block.szx > exponent))) {
        size_was_named = 1;
        block.szx = exponent;
        coap_add_option(response, COAP_OPTION_BLOCK1, coap_encode_var_safe(option, sizeof option, 8 | exponent), option);
        answer(request, response, shown, COAP_RESPONSE_CODE_REQUEST_TOO_LARGE, NULL);
        return 0;
    }
    if (!in_blocks)
        return 1;
    taken = block.num == 0 ? 0 : taken;
    if (taken != (size_t)block.num << (block.szx + 4) || taken + *length > sizeof body) {
        answer(request, response, shown, COAP_RESPONSE_CODE_INCOMPLETE, "no such block is due");
        return 0;
    }
    memcpy(body + taken, *data, *length);
    taken += *length;
    blocks_taken++;
    if (size_was_named && *length > largest_block)
        largest_block = (unsigned)*length;
    block.szx = block.szx > exponent ? exponent : block.szx;
    size_was_named = 1;
    coap_add_option(response, COAP_OPTION_BLOCK1,
                    coap_encode_var_safe(option, sizeof option, block.num << 4 | block.m << 3 | block.szx), option);
    if (block.m) {
        coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTINUE);
        return 0;
    }
    *data = body;
    *length = taken;
    return 1;
}

/* Bootstrap-Write of one instance of Security or Server: it is replaced. */
static void write_instance(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
                           const coap_string_t *query, coap_pdu_t *response) {
    (void)resource, (void)session, (void)query;
    coap_string_t *path = coap_get_uri_path(request);
    unsigned object = 0, id = 0;
    const uint8_t *data = NULL;
    size_t length = 0, offset, total;
    long format = option_of(request, COAP_OPTION_CONTENT_FORMAT);
    char shown[64];
    snprintf(shown, sizeof shown, "/%.40s %ld", (const char *)path->s, format);
    coap_get_data_large(request, &length, &data, &offset, &total);
    if (block_size && !take_block(request, response, shown, &data, &length)) {
        coap_delete_string(path);
        return;
    }
    if (ids_in(path, &object, &id) != 2 || object > 1)
        answer(request, response, shown, COAP_RESPONSE_CODE_NOT_ALLOWED, "only /0/x and /1/y are written here");
    else if (object == 0 && id == bootstrap_instance)
        answer(request, response, shown, COAP_RESPONSE_CODE_BAD_REQUEST, "the bootstrap account stays");
    else if (format != TLV)
        answer(request, response, shown, COAP_RESPONSE_CODE_UNSUPPORTED_CONTENT_FORMAT, "only TLV is known");
    else if (length > sizeof held[0].tlv || held_count == MOST || !well_formed(data, length))
        answer(request, response, shown, COAP_RESPONSE_CODE_BAD_REQUEST, "no TLV, or too much of it");
    else {
        drop(object, 0, id, 0);
        held[held_count].object = object;
        held[held_count].id = id;
        memcpy(held[held_count].tlv, data, length);
        held[held_count++].length = length;
        answer(request, response, shown, COAP_RESPONSE_CODE_CHANGED, NULL);
    }
    coap_delete_string(path);
}

/* Bootstrap-Finish. */
static void finish(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
                   const coap_string_t *query, coap_pdu_t *response) {
    (void)resource, (void)session, (void)query;
    if (!consistent())
        failure = "the accounts do not pair";
    finished = 1;
    answer(request, response, "/bs", failure ? COAP_RESPONSE_CODE_NOT_ACCEPTABLE : COAP_RESPONSE_CODE_CHANGED, failure);
}

/* ---- the CoAP client ---------------------------------------------------------------------------------------------- */

static coap_response_t answered(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received,
                                const coap_mid_t id) {
    (void)session, (void)sent, (void)id;
    unsigned code = coap_pdu_get_code(received);
    accepted = code == COAP_RESPONSE_CODE_CHANGED;
    if (!accepted) {
        snprintf(failure_text, sizeof failure_text, "/bs was answered %u.%02u", code >> 5, code & 31);
        failure = failure_text;
        finished = 1;
    }
    return COAP_RESPONSE_OK;
}

static int happened(coap_session_t *session, const coap_event_t event) {
    (void)session;
    int ended = event == COAP_EVENT_DTLS_ERROR || event == COAP_EVENT_DTLS_CLOSED || event == COAP_EVENT_SESSION_FAILED ||
                event == COAP_EVENT_SESSION_CLOSED || event == COAP_EVENT_TCP_FAILED || event == COAP_EVENT_TCP_CLOSED;
    if (ended && !finished) {
        failure = "the association ended";
        finished = 1;
    }
    return 0;
}

static void ask(coap_session_t *session) {
    coap_pdu_t *request = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_POST, session);
    uint8_t token[8];
    size_t length;
    char query[300];
    coap_session_new_token(session, &length, token);
    coap_add_token(request, length, token);
    coap_add_option(request, COAP_OPTION_URI_PATH, 2, (const uint8_t *)"bs");
    snprintf(query, sizeof query, "ep=%s", endpoint);
    coap_add_option(request, COAP_OPTION_URI_QUERY, strlen(query), (const uint8_t *)query);
    coap_send(session, request);
}

/* ---- the report --------------------------------------------------------------------------------------------------- */

static void print_hex(const uint8_t *bytes, size_t length) {
    putchar('"');
    while (length-- > 0)
        printf("%02x", *bytes++);
    putchar('"');
}

static void print_text(const char *text, size_t length) {
    putchar('"');
    for (; length-- > 0; text++)
        (unsigned char)*text < 0x20 ? printf("\\u%04x", *text) : printf(strchr("\"\\", *text) ? "\\%c" : "%c", *text);
    putchar('"');
}

/* A value by the type that annex E gives to the resource. */
static void print_value(unsigned object, const struct resource *resource) {
    int text = object == 0 ? resource->id == 0 : resource->id == 7;
    int truth = object == 0 ? resource->id == 1 : resource->id == 6;
    int number = object == 0 ? resource->id == 2 || resource->id == 10 : resource->id <= 5;
    if (text)
        print_text((const char *)resource->value, resource->length);
    else if (truth && resource->length == 1 && resource->value[0] <= 1)
        printf("%s", resource->value[0] ? "true" : "false");
    else if (number)
        printf("%lld", integer(resource));
    else {
        printf("{\"opaque\": ");
        print_hex(resource->value, resource->length);
        printf("}");
    }
}

static void print_report(void) {
    printf("{\n \"client\": [\"%s, %s\"],\n \"blocks\": {\"taken\": %u, \"largest\": %u},\n \"failure\": ",
           coap_package_version(), coap_get_tls_library_version()->type == COAP_TLS_LIBRARY_GNUTLS ? "GnuTLS" : "OpenSSL",
           blocks_taken, largest_block);
    failure ? print_text(failure, strlen(failure)) : (void)printf("null");
    printf(",\n \"requests\": [");
    for (size_t i = 0; i < request_count; i++) {
        printf("%s\n  ", i ? "," : "");
        print_text(requests[i], strlen(requests[i]));
    }
    printf("],\n \"instances\": {\n  \"/0/%u\": {\"0\": \"%s://%s\", \"1\": true},\n  \"/3/0\": {}", bootstrap_instance,
           identity || certificate || raw_public_key ? "coaps" : "coap+tcp", server);
    for (size_t i = 0; i < held_count; i++) {
        struct resource resource;
        printf(",\n  \"/%u/%u\": {", held[i].object, held[i].id);
        for (size_t at = 0, first = 1; next_tlv(held[i].tlv, held[i].length, &at, &resource) == 1; first = 0) {
            printf("%s\"%u\": ", first ? "" : ", ", resource.id);
            print_value(held[i].object, &resource);
        }
        printf("}");
    }
    printf("},\n \"payloads\": {");
    for (size_t i = 0; i < held_count; i++) {
        printf("%s\n  \"/%u/%u\": {\"format\": %d, \"hex\": ", i ? "," : "", held[i].object, held[i].id, TLV);
        print_hex(held[i].tlv, held[i].length);
        printf("}");
    }
    printf("}\n}\n");
}

/* ---- the run ------------------------------------------------------------------------------------------------------ */

/* Prints the report and ends; without a failure of its own it is the one given. */
static _Noreturn void end(const char *reason) {
    failure = reason ? reason : failure;
    print_report();
    exit(failure ? 1 : 0);
}

/* Reads a file whole; a zero byte follows, and is not counted in the number of bytes. */
static uint8_t *content_of(const char *path, size_t *length) {
    static uint8_t room[BODY_MOST];
    FILE *file = fopen(path, "rb");
    if (!file)
        end("a file cannot be read");
    *length = fread(room, 1, sizeof room - 1, file);
    fclose(file);
    uint8_t *content = calloc(1, *length + 1);
    return content ? memcpy(content, room, *length) : NULL;
}

/* Reads `hex:...` from a file; the number of bytes. */
static size_t key_from(const char *path, uint8_t *key, size_t room) {
    size_t length = 0, read;
    unsigned byte;
    const char *text = (const char *)content_of(path, &read);
    if (strncmp(text, "hex:", 4) != 0)
        end("the key file holds no hex:");
    for (text += 4; length < room && sscanf(text, "%2x", &byte) == 1; text += 2)
        key[length++] = (uint8_t)byte;
    return length;
}

static coap_address_t resolved(const char *host_and_port) {
    char host[256];
    coap_address_t address;
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found;
    const char *colon = strrchr(host_and_port, ':');
    int bracket = host_and_port[0] == '[';
    if (!colon)
        end("--server is HOST:PORT");
    snprintf(host, sizeof host, "%.*s", (int)(colon - host_and_port) - 2 * bracket, host_and_port + bracket);
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        end("the server's name cannot be resolved");
    coap_address_init(&address);
    address.size = found->ai_addrlen;
    memcpy(&address.addr, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return address;
}

static void serve(coap_context_t *context) {
    coap_resource_t *root = coap_resource_init(NULL, 0);
    coap_register_handler(root, COAP_REQUEST_GET, discover);
    coap_register_handler(root, COAP_REQUEST_DELETE, delete);
    coap_add_resource(context, root);
    coap_resource_t *bs = coap_resource_init(coap_make_str_const("bs"), 0);
    coap_register_handler(bs, COAP_REQUEST_POST, finish);
    coap_add_resource(context, bs);
    coap_resource_t *any = coap_resource_unknown_init(write_instance);
    coap_register_handler(any, COAP_REQUEST_DELETE, delete);
    coap_add_resource(context, any);
    coap_register_response_handler(context, answered);
    coap_register_event_handler(context, happened);
    coap_context_set_block_mode(context, block_size ? 0 : COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
}

/* Whether the server's raw public key is the one that the bootstrap account names, exactly. */
static int is_expected(const char *name, const uint8_t *key, size_t length, coap_session_t *session, unsigned depth,
                       int validated, void *argument) {
    (void)name, (void)session, (void)depth, (void)validated, (void)argument;
    size_t expected_length;
    const uint8_t *expected = content_of(server_public_key, &expected_length);
    return length == expected_length && memcmp(key, expected, length) == 0;
}

/* Whether a certificate of the server's chain was verified, and its own has the name that was asked for. */
static int is_verified(const char *name, const uint8_t *certificate_of_server, size_t length, coap_session_t *session,
                       unsigned depth, int validated, void *argument) {
    (void)certificate_of_server, (void)length, (void)session, (void)argument;
    return validated && (depth > 0 || strcmp(name, server_name) == 0);
}

static coap_session_t *session_with_certificate(coap_context_t *context, const coap_address_t *address) {
    coap_dtls_pki_t pki = {.version = COAP_DTLS_PKI_SETUP_VERSION, .verify_peer_cert = 1, .cert_chain_validation = 1,
                           .cert_chain_verify_depth = 3, .allow_no_crl = 1, .client_sni = server_name,
                           .validate_cn_call_back = is_verified};
    pki.pki_key.key_type = COAP_PKI_KEY_PEM;
    pki.pki_key.key.pem = (coap_pki_key_pem_t){NULL, certificate, private_key};
    coap_context_set_pki_root_cas(context, trust_anchor, NULL);
    return coap_new_client_session_pki(context, NULL, address, COAP_PROTO_DTLS, &pki);
}

static coap_session_t *session_with_raw_public_key(coap_context_t *context, const coap_address_t *address) {
    coap_dtls_pki_t pki = {.version = COAP_DTLS_PKI_SETUP_VERSION, .verify_peer_cert = 1, .is_rpk_not_cert = 1,
                           .validate_cn_call_back = is_expected, .client_sni = server_name};
    coap_pki_key_pem_buf_t *keys = &pki.pki_key.key.pem_buf;
    pki.pki_key.key_type = COAP_PKI_KEY_PEM_BUF;
    keys->public_cert = content_of(raw_public_key, &keys->public_cert_len);
    keys->private_key = content_of(private_key, &keys->private_key_len);
    keys->public_cert_len++, keys->private_key_len++;
    return coap_new_client_session_pki(context, NULL, address, COAP_PROTO_DTLS, &pki);
}

static coap_session_t *session_with_psk(coap_context_t *context, const coap_address_t *address) {
    static uint8_t key[64];
    coap_dtls_cpsk_t psk = {.version = COAP_DTLS_CPSK_SETUP_VERSION};
    psk.psk_info.identity = (coap_bin_const_t){strlen(identity), (const uint8_t *)identity};
    psk.psk_info.key = (coap_bin_const_t){key_from(key_file, key, sizeof key), key};
    return coap_new_client_session_psk2(context, NULL, address, COAP_PROTO_DTLS, &psk);
}

static coap_session_t *session_with(coap_context_t *context) {
    coap_address_t address = resolved(server);
    if (certificate)
        return session_with_certificate(context, &address);
    if (raw_public_key)
        return session_with_raw_public_key(context, &address);
    if (identity)
        return session_with_psk(context, &address);
    return coap_new_client_session(context, NULL, &address, COAP_PROTO_TCP);
}

static int read_arguments(int argc, char **argv, int *limit) {
    static const struct option names[] = {
        {"server", 1, 0, 's'},       {"endpoint", 1, 0, 'e'},        {"psk-identity", 1, 0, 'i'},
        {"psk-file", 1, 0, 'f'},     {"certificate", 1, 0, 'c'},     {"private-key", 1, 0, 'k'},
        {"trust-anchor", 1, 0, 'a'}, {"raw-public-key", 1, 0, 'r'},  {"server-public-key", 1, 0, 'p'},
        {"server-name", 1, 0, 'n'},  {"block-size", 1, 0, 'B'},      {"refuse-larger", 0, 0, 'R'},
        {"limit", 1, 0, 'l'},        {"bootstrap-instance", 1, 0, 'b'}, {"version", 0, 0, 'v'}, {0, 0, 0, 0}};
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;)
        switch (option) {
        case 's': server = optarg; break;
        case 'e': endpoint = optarg; break;
        case 'i': identity = optarg; break;
        case 'f': key_file = optarg; break;
        case 'c': certificate = optarg; break;
        case 'k': private_key = optarg; break;
        case 'a': trust_anchor = optarg; break;
        case 'r': raw_public_key = optarg; break;
        case 'p': server_public_key = optarg; break;
        case 'n': server_name = optarg; break;
        case 'B': block_size = (unsigned)atoi(optarg); break;
        case 'R': refuses_larger = 1; break;
        case 'b': bootstrap_instance = (unsigned)atoi(optarg); break;
        case 'l': *limit = atoi(optarg); break;
        case 'v': exit(puts(coap_package_version()) < 0);
        default: return 0;
        }
    return server && endpoint;
}

int main(int argc, char **argv) {
    int limit = 60;
    if (!read_arguments(argc, argv, &limit))
        return 2;
    coap_startup();
    /* Its log would go to standard output, into the report. */
    coap_set_log_level(LOG_EMERG);
    coap_context_t *context = coap_new_context(NULL);
    serve(context);
    coap_session_t *session = session_with(context);
    if (!session)
        end("no session");
    ask(session);
    time_t until = time(NULL) + limit;
    while (!finished && time(NULL) < until)
        coap_io_process(context, 100);
    if (!finished)
        end("no Finish within the limit");
    /* The answer to Finish may be lost: the server then asks for it again. */
    for (int i = 0; i < 3; i++)
        coap_io_process(context, 100);
    end(NULL);
}
