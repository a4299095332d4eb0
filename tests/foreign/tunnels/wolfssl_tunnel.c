/* The tunnel by wolfSSL. That is licensed under the GPL: this program is for tests alone, and nothing else links it. */
#include "tunnel.h"

#include <wolfssl/wolfcrypt/settings.h>
#include <wolfssl/ssl.h>

static WOLFSSL_CTX *context;
static WOLFSSL *ssl;
static const struct options *chosen;

static void must(int result, const char *what) {
    if (result != WOLFSSL_SUCCESS)
        give_up("wolfSSL: %s: %d", what, result);
}

static int put_datagram(WOLFSSL *of, char *data, int length, void *argument) {
    (void)of, (void)argument;
    /* One that nobody listened for is no more than a loss. */
    return send(udp, data, (size_t)length, 0) < 0 && errno != ECONNREFUSED ? WOLFSSL_CBIO_ERR_GENERAL : length;
}

static int get_datagram(WOLFSSL *of, char *room, int size, void *argument) {
    (void)of, (void)argument;
    ssize_t length = receive((uint8_t *)room, (size_t)size);
    return length < 0 ? WOLFSSL_CBIO_ERR_WANT_READ : (int)length;
}

static unsigned int tell_key(WOLFSSL *of, const char *hint, char *identity, unsigned int identity_size,
                             unsigned char *key, unsigned int key_size) {
    (void)of, (void)hint;
    snprintf(identity, identity_size, "%s", chosen->identity);
    return (unsigned int)key_from(chosen->psk_file, key, key_size);
}

static void dtls_open(const struct options *options) {
    uint8_t id[LONGEST_ID];
    chosen = options;
    must(wolfSSL_Init(), "the library");
    context = wolfSSL_CTX_new(wolfDTLSv1_2_client_method());
    if (options->identity)
        wolfSSL_CTX_set_psk_client_callback(context, tell_key);
    else {
        must(wolfSSL_CTX_use_certificate_chain_file(context, options->certificate), options->certificate);
        must(wolfSSL_CTX_use_PrivateKey_file(context, options->private_key, WOLFSSL_FILETYPE_PEM), options->private_key);
        must(wolfSSL_CTX_load_verify_locations(context, options->trust_anchor, NULL), options->trust_anchor);
        wolfSSL_CTX_set_verify(context, WOLFSSL_VERIFY_PEER, NULL);
    }
    must(wolfSSL_CTX_set_cipher_list(context, options->identity ? "PSK-AES128-CCM-8" : "ECDHE-ECDSA-AES128-CCM-8"),
         "the cipher suites");
    wolfSSL_CTX_SetIOSend(context, put_datagram);
    wolfSSL_CTX_SetIORecv(context, get_datagram);
    ssl = wolfSSL_new(context);
    if (options->server_name) {
        must(wolfSSL_check_domain_name(ssl, options->server_name), "the server's name");
        must(wolfSSL_UseSNI(ssl, WOLFSSL_SNI_HOST_NAME, options->server_name, strlen(options->server_name)), "SNI");
    }
    if (options->max_fragment_512)
        must(wolfSSL_UseMaxFragment(ssl, WOLFSSL_MFL_2_9), "the fragment length");
    if (options->connection_id >= 0 && getrandom(id, sizeof id, 0) == sizeof id) {
        must(wolfSSL_dtls_cid_use(ssl), "connection ids");
        must(wolfSSL_dtls_cid_set(ssl, id, (unsigned)options->connection_id), "the connection id");
    }
    wolfSSL_dtls_set_mtu(ssl, MTU);
    wolfSSL_dtls_set_using_nonblock(ssl, 1);
    state_fact("library wolfSSL %s", wolfSSL_lib_version());
}

static enum progress dtls_handshake(void) {
    unsigned int length = 0;
    int result = wolfSSL_connect(ssl), reason = wolfSSL_get_error(ssl, result);
    if (result != WOLFSSL_SUCCESS && (reason == WOLFSSL_ERROR_WANT_READ || reason == WOLFSSL_ERROR_WANT_WRITE))
        return WANTS_MORE;
    must(result == WOLFSSL_SUCCESS ? result : reason, "the handshake");
    if (chosen->connection_id >= 0 && wolfSSL_dtls_cid_is_enabled(ssl) &&
        wolfSSL_dtls_cid_get_tx_size(ssl, &length) == WOLFSSL_SUCCESS)
        state_fact("connection_id %u", length);
    state_fact("cipher %s", wolfSSL_get_cipher_name(ssl));
    return DONE;
}

/* Nothing has come for a while: a flight goes out again when its time is over. */
static void dtls_handle_time(void) {
    static int waited;
    if (++waited % (20 * wolfSSL_dtls_get_current_timeout(ssl)) == 0)
        wolfSSL_dtls_got_timeout(ssl);
}

static int dtls_read(uint8_t *room, size_t size) {
    int length = wolfSSL_read(ssl, room, (int)size);
    return length > 0 ? length : wolfSSL_get_error(ssl, length) == WOLFSSL_ERROR_WANT_READ ? 0 : -1;
}

static void dtls_write(const uint8_t *data, size_t length) {
    if (wolfSSL_write(ssl, data, (int)length) != (int)length)
        give_up("wolfSSL: what is written: %d", wolfSSL_get_error(ssl, 0));
}

static void dtls_close(void) {
    wolfSSL_shutdown(ssl);
}
