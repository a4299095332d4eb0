/* A tunnel: DTLS to the server on one side, pipes to the device on the other, which speaks CoAP through it.
 *
 * On standard input stand frames of two bytes of length and as many of application data; an empty frame says that the
 * tunnel is to go on from another UDP port. On standard output stand frames of one byte that says what it is ('>' for
 * application data, '=' for a fact, `name value`), two bytes of length, and the content. Why a tunnel ended stands on
 * standard error. This file has all of that but DTLS, which a library does behind the functions below.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LARGEST = 16384, MTU = 1200, LONGEST_ID = 32 };

/* What the arguments say; files are PEM, `psk_file` holds `hex:...`. A certificate file may hold its issuers too. */
struct options {
    const char *server, *identity, *psk_file, *certificate, *private_key, *trust_anchor, *server_name;
    int max_fragment_512;
    /* Bytes of the connection id that the client wants to be addressed by; negative where it offers none. */
    int connection_id;
};

enum progress { FAILED = -1, WANTS_MORE, DONE };

/* What the library does. Datagrams go over `udp`; nothing waits for one. */
static void dtls_open(const struct options *options);
/* Goes on with the handshake; when it is done, states facts. */
static enum progress dtls_handshake(void);
/* Does what the handshake's timers want. */
static void dtls_handle_time(void);
/* Bytes of application data, 0 if none has come, negative at the end of the association. */
static int dtls_read(uint8_t *room, size_t size);
static void dtls_write(const uint8_t *data, size_t length);
static void dtls_close(void);

static int udp = -1;
/* Of the records from the server: bytes of the largest, without its header, and how many carried our connection id. */
static size_t largest_record, records_with_id, own_id_length;
static struct sockaddr_storage peer;
static socklen_t peer_length;

static _Noreturn __attribute__((format(printf, 1, 2))) void give_up(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(1);
}

/* ---- the device's side -------------------------------------------------------------------------------------------- */

static void put_frame(char kind, const void *content, size_t length) {
    uint8_t head[3] = {(uint8_t)kind, (uint8_t)(length >> 8), (uint8_t)length};
    if (fwrite(head, 1, 3, stdout) != 3 || fwrite(content, 1, length, stdout) != length || fflush(stdout) != 0)
        give_up("nobody reads what comes out of the tunnel");
}

static __attribute__((format(printf, 1, 2))) void state_fact(const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    put_frame('=', text, (size_t)length);
}

/* The device has no more to say. */
static _Noreturn void end(void) {
    dtls_close();
    state_fact("largest_record %zu", largest_record);
    state_fact("records_with_id %zu", records_with_id);
    exit(0);
}

static void read_all(uint8_t *room, size_t length) {
    for (ssize_t some; length > 0; room += some, length -= (size_t)some)
        if ((some = read(STDIN_FILENO, room, length)) <= 0)
            end();
}

/* ---- the server's side -------------------------------------------------------------------------------------------- */

/* Goes on from a port that the system chooses; the one before is given up only then, so that it is another. */
static void change_port(void) {
    int next = socket(peer.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (next < 0 || connect(next, (struct sockaddr *)&peer, peer_length) != 0)
        give_up("no UDP socket: %s", strerror(errno));
    if (udp >= 0)
        close(udp);
    udp = next;
}

/* The next datagram, if one has come, else -1. Its records are looked at in passing (RFC 9146 section 4). */
static ssize_t receive(uint8_t *room, size_t size) {
    enum { TLS12_CID = 25 };
    ssize_t length = recv(udp, room, size, 0);
    for (size_t at = 0; length > 0 && at + 13 <= (size_t)length;) {
        size_t head = at + 11 + (room[at] == TLS12_CID ? own_id_length : 0);
        if (head + 2 > (size_t)length)
            break;
        size_t content = (size_t)room[head] << 8 | room[head + 1];
        largest_record = content > largest_record ? content : largest_record;
        records_with_id += room[at] == TLS12_CID;
        at = head + 2 + content;
    }
    return length;
}

static void resolve(const char *host_and_port) {
    char host[256];
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found;
    const char *colon = strrchr(host_and_port, ':');
    int bracket = host_and_port[0] == '[';
    if (!colon)
        give_up("--server is HOST:PORT");
    snprintf(host, sizeof host, "%.*s", (int)(colon - host_and_port) - 2 * bracket, host_and_port + bracket);
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        give_up("the server's name cannot be resolved");
    memcpy(&peer, found->ai_addr, found->ai_addrlen);
    peer_length = found->ai_addrlen;
    freeaddrinfo(found);
}

/* ---- the run ------------------------------------------------------------------------------------------------------ */

/* Reads `hex:...` from a file; the number of bytes. */
static __attribute__((unused)) size_t key_from(const char *path, uint8_t *key, size_t room) {
    size_t length = 0;
    unsigned byte;
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "hex:") != 0)
        give_up("%s holds no key", path);
    while (length < room && fscanf(file, "%2x", &byte) == 1)
        key[length++] = (uint8_t)byte;
    fclose(file);
    return length;
}

static struct options read_arguments(int argc, char **argv) {
    static const struct option names[] = {
        {"server", 1, 0, 's'},       {"psk-identity", 1, 0, 'i'}, {"psk-file", 1, 0, 'f'},
        {"certificate", 1, 0, 'c'},  {"private-key", 1, 0, 'k'},  {"trust-anchor", 1, 0, 'a'},
        {"server-name", 1, 0, 'n'},  {"connection-id", 1, 0, 'C'}, {"max-fragment-512", 0, 0, 'm'},
        {0, 0, 0, 0}};
    struct options options = {.connection_id = -1};
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;)
        switch (option) {
        case 's': options.server = optarg; break;
        case 'i': options.identity = optarg; break;
        case 'f': options.psk_file = optarg; break;
        case 'c': options.certificate = optarg; break;
        case 'k': options.private_key = optarg; break;
        case 'a': options.trust_anchor = optarg; break;
        case 'n': options.server_name = optarg; break;
        case 'C': options.connection_id = atoi(optarg); break;
        case 'm': options.max_fragment_512 = 1; break;
        default: exit(2);
        }
    if (!options.server || (!options.identity && !options.certificate) || options.connection_id > LONGEST_ID)
        give_up("usage: --server HOST:PORT and credentials");
    return options;
}

/* Passes on what has come from the server. */
static void pass_inwards(void) {
    uint8_t data[LARGEST];
    int length;
    while ((length = dtls_read(data, sizeof data)) > 0)
        put_frame('>', data, (size_t)length);
    if (length < 0)
        give_up("the association ended");
}

/* Passes on the next frame from the device. */
static void pass_outwards(void) {
    uint8_t head[2], data[1 << 16];
    read_all(head, sizeof head);
    size_t length = (size_t)head[0] << 8 | head[1];
    read_all(data, length);
    if (length == 0)
        change_port();
    else
        dtls_write(data, length);
}

int main(int argc, char **argv) {
    struct options options = read_arguments(argc, argv);
    resolve(options.server);
    change_port();
    own_id_length = options.connection_id > 0 ? (size_t)options.connection_id : 0;
    dtls_open(&options);
    struct pollfd wanted[] = {{.events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    enum progress progress;
    while ((progress = dtls_handshake()) == WANTS_MORE) {
        wanted[0].fd = udp;
        if (poll(wanted, 1, 50) == 0)
            dtls_handle_time();
    }
    if (progress == FAILED)
        give_up("the handshake failed");
    state_fact("established yes");
    for (;;) {
        wanted[0].fd = udp;
        if (poll(wanted, 2, -1) < 0)
            give_up("poll: %s", strerror(errno));
        if (wanted[0].revents)
            pass_inwards();
        if (wanted[1].revents)
            pass_outwards();
    }
}
