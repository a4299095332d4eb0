/* An LwM2M 1.0 client on libcoap over OpenSSL: asks to be bootstrapped over DTLS with a pre-shared key, serves the
 * bootstrap on the same association, prints what it then holds as one JSON document. It knows TLV and nothing else.
 * The exit code is 0 only after an accepted Finish.
 *
 * Written from LwM2M TS 1.0 (5.2.7, 6.4.3, annex E) without a line of the server's code.
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

enum { LINK_FORMAT = 40, TLV = 11542, MOST = 64 };

/* One object instance as it was written: its TLV payload. */
struct instance {
    unsigned object, id;
    uint8_t tlv[2048];
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
    if ((event == COAP_EVENT_DTLS_ERROR || event == COAP_EVENT_DTLS_CLOSED) && !finished) {
        failure = "the DTLS association ended";
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
    printf("{\n \"client\": [\"%s\"],\n \"failure\": ", coap_package_version());
    failure ? print_text(failure, strlen(failure)) : (void)printf("null");
    printf(",\n \"requests\": [");
    for (size_t i = 0; i < request_count; i++) {
        printf("%s\n  ", i ? "," : "");
        print_text(requests[i], strlen(requests[i]));
    }
    printf("],\n \"instances\": {\n  \"/0/%u\": {\"0\": \"coaps://%s\", \"1\": true},\n  \"/3/0\": {}", bootstrap_instance,
           server);
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

/* Reads `hex:...` from a file; the number of bytes. */
static size_t key_from(const char *path, uint8_t *key, size_t room) {
    FILE *file = fopen(path, "r");
    size_t length = 0;
    unsigned byte;
    if (!file || fscanf(file, "hex:") != 0)
        end("the key file cannot be read");
    while (length < room && fscanf(file, "%2x", &byte) == 1)
        key[length++] = (uint8_t)byte;
    fclose(file);
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
    coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
}

int main(int argc, char **argv) {
    static const struct option names[] = {{"server", 1, 0, 's'},   {"endpoint", 1, 0, 'e'},           {"psk-identity", 1, 0, 'i'},
                                          {"psk-file", 1, 0, 'f'}, {"bootstrap-instance", 1, 0, 'b'}, {"limit", 1, 0, 'l'},
                                          {"version", 0, 0, 'v'},
                                          {0, 0, 0, 0}};
    const char *identity = "", *file = "";
    int limit = 20;
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;)
        switch (option) {
        case 's': server = optarg; break;
        case 'e': endpoint = optarg; break;
        case 'i': identity = optarg; break;
        case 'f': file = optarg; break;
        case 'b': bootstrap_instance = (unsigned)atoi(optarg); break;
        case 'l': limit = atoi(optarg); break;
        case 'v': return puts(coap_package_version()) < 0;
        default: return 2;
        }
    if (!server || !endpoint)
        return 2;
    uint8_t key[64];
    coap_dtls_cpsk_t psk = {.version = COAP_DTLS_CPSK_SETUP_VERSION};
    psk.psk_info.identity = (coap_bin_const_t){strlen(identity), (const uint8_t *)identity};
    psk.psk_info.key = (coap_bin_const_t){key_from(file, key, sizeof key), key};
    coap_startup();
    coap_context_t *context = coap_new_context(NULL);
    coap_address_t address = resolved(server);
    serve(context);
    coap_session_t *session = coap_new_client_session_psk2(context, NULL, &address, COAP_PROTO_DTLS, &psk);
    if (!session)
        end("no DTLS session");
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
