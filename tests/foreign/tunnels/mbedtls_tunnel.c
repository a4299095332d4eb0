/* The tunnel by Mbed TLS 3.6, whose connection ids are those of RFC 9146. */
#include "tunnel.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/timing.h>
#include <mbedtls/version.h>

static mbedtls_ssl_context ssl;
static mbedtls_ssl_config config;

static void must(int result, const char *what) {
    char text[128];
    if (result == 0)
        return;
    mbedtls_strerror(result, text, sizeof text);
    give_up("Mbed TLS: %s: -0x%04x %s", what, (unsigned)-result, text);
}

static int put_datagram(void *context, const unsigned char *data, size_t length) {
    (void)context;
    /* One that nobody listened for is no more than a loss. */
    return send(udp, data, length, 0) < 0 && errno != ECONNREFUSED ? MBEDTLS_ERR_NET_SEND_FAILED : (int)length;
}

static int get_datagram(void *context, unsigned char *room, size_t size) {
    (void)context;
    ssize_t length = receive(room, size);
    return length < 0 ? MBEDTLS_ERR_SSL_WANT_READ : (int)length;
}

static void use_psk(const struct options *options) {
    static const int suites[] = {MBEDTLS_TLS_PSK_WITH_AES_128_CCM_8, 0};
    uint8_t key[MBEDTLS_PSK_MAX_LEN];
    size_t length = key_from(options->psk_file, key, sizeof key);
    const char *identity = options->identity;
    must(mbedtls_ssl_conf_psk(&config, key, length, (const uint8_t *)identity, strlen(identity)), "the key");
    mbedtls_ssl_conf_ciphersuites(&config, suites);
}

static void use_certificate(const struct options *options, mbedtls_ctr_drbg_context *random) {
    static const int suites[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8, 0};
    static mbedtls_x509_crt own, anchor;
    static mbedtls_pk_context key;
    mbedtls_x509_crt_init(&own);
    mbedtls_x509_crt_init(&anchor);
    mbedtls_pk_init(&key);
    must(mbedtls_x509_crt_parse_file(&own, options->certificate), options->certificate);
    must(mbedtls_x509_crt_parse_file(&anchor, options->trust_anchor), options->trust_anchor);
    must(mbedtls_pk_parse_keyfile(&key, options->private_key, NULL, mbedtls_ctr_drbg_random, random), "the key");
    must(mbedtls_ssl_conf_own_cert(&config, &own, &key), "the certificate");
    mbedtls_ssl_conf_ca_chain(&config, &anchor, NULL);
    mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_ciphersuites(&config, suites);
}

static void dtls_open(const struct options *options) {
    static mbedtls_entropy_context entropy;
    static mbedtls_ctr_drbg_context random;
    static mbedtls_timing_delay_context timer;
    uint8_t id[LONGEST_ID];
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random);
    mbedtls_ssl_init(&ssl);
    mbedtls_ssl_config_init(&config);
    must(mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, NULL, 0), "the random generator");
    must(mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_DATAGRAM, 0), "the defaults");
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random);
    options->identity ? use_psk(options) : use_certificate(options, &random);
    if (options->max_fragment_512)
        must(mbedtls_ssl_conf_max_frag_len(&config, MBEDTLS_SSL_MAX_FRAG_LEN_512), "the fragment length");
    if (options->connection_id >= 0)
        must(mbedtls_ssl_conf_cid(&config, (size_t)options->connection_id, MBEDTLS_SSL_UNEXPECTED_CID_IGNORE),
             "the length of connection ids");
    must(mbedtls_ssl_setup(&ssl, &config), "the session");
    must(mbedtls_ssl_set_hostname(&ssl, options->server_name), "the server's name");
    if (options->connection_id >= 0 && getrandom(id, sizeof id, 0) == sizeof id)
        must(mbedtls_ssl_set_cid(&ssl, MBEDTLS_SSL_CID_ENABLED, id, (size_t)options->connection_id), "the connection id");
    mbedtls_ssl_set_mtu(&ssl, MTU);
    mbedtls_ssl_set_bio(&ssl, NULL, put_datagram, get_datagram, NULL);
    mbedtls_ssl_set_timer_cb(&ssl, &timer, mbedtls_timing_set_delay, mbedtls_timing_get_delay);
    state_fact("library Mbed TLS %s", MBEDTLS_VERSION_STRING);
}

static enum progress dtls_handshake(void) {
    unsigned char id[MBEDTLS_SSL_CID_OUT_LEN_MAX];
    size_t length = 0;
    int enabled = 0, result = mbedtls_ssl_handshake(&ssl);
    if (result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE)
        return WANTS_MORE;
    must(result, "the handshake");
    must(mbedtls_ssl_get_peer_cid(&ssl, &enabled, id, &length), "the server's connection id");
    if (enabled)
        state_fact("connection_id %zu", length);
    state_fact("cipher %s", mbedtls_ssl_get_ciphersuite(&ssl));
    return DONE;
}

/* It looks at the clock whenever it goes on. */
static void dtls_handle_time(void) {}

static int dtls_read(uint8_t *room, size_t size) {
    int length = mbedtls_ssl_read(&ssl, room, size);
    return length == MBEDTLS_ERR_SSL_WANT_READ ? 0 : length > 0 ? length : -1;
}

static void dtls_write(const uint8_t *data, size_t length) {
    int written = mbedtls_ssl_write(&ssl, data, length);
    if (written != (int)length)
        must(written, "what is written");
}

static void dtls_close(void) {
    mbedtls_ssl_close_notify(&ssl);
}
