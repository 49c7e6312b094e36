#include "client/response.h"

#include <gtest/gtest.h>

namespace theater::client {
namespace {

TEST(ResponseHead, IsReadOnceItIsWhole) {
  const std::string text =
      "HTTP/1.1 404 Not Found\r\nContent-Type: a/b\r\nCONTENT-LENGTH: 12\r\nConnection: Close\r\n\r\nbody";
  for (std::size_t size = 0; size < text.size() - 4; ++size) {
    const auto part = read_head(text.substr(0, size));
    ASSERT_TRUE(part);
    EXPECT_FALSE(*part) << size;
  }
  const auto head = read_head(text);
  ASSERT_TRUE(head && *head);
  EXPECT_EQ((*head)->status, 404u);
  EXPECT_EQ((*head)->content_type, "a/b");
  EXPECT_EQ((*head)->content_length, 12u);
  EXPECT_FALSE((*head)->keeps_connection);
  EXPECT_EQ((*head)->size, text.size() - 4);
}

TEST(ResponseHead, WhatIsNoResponseIsRefused) {
  for (const std::string_view text :
       {"SSH-2.0-x\r\n\r\n", "HTTP/1.1 xx\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    const auto head = read_head(text);
    ASSERT_FALSE(head) << text;
    EXPECT_EQ(head.error().code(), ErrorCode::kCorrupt);
  }
  EXPECT_EQ(read_head(std::string(70'000, 'x')).error().code(), ErrorCode::kTooLarge);
}

TEST(SentEvent, IsTakenWholeAndCommentsArePassedOver) {
  std::string text = ": alive\n\nid: 5\nevent: call\ndata: {}\n\ndata: 1\ndata: 2\n\nevent: ca";
  auto event = take_sent_event(text);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->name, "call");
  EXPECT_EQ(event->data, "{}");
  event = take_sent_event(text);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->data, "1\n2");
  EXPECT_FALSE(take_sent_event(text));
  EXPECT_EQ(text, "event: ca");
}

TEST(Frame, IsTakenWholeWhateverItsLength) {
  for (const std::size_t size : {0u, 1u, 125u, 126u, 65'535u, 65'536u}) {
    // A client's frame without its mask is a server's.
    const std::string masked = client_frame(kBinary, Bytes(size, 'x'), 0);
    const std::size_t head = size < 126 ? 2 : size <= 65'535 ? 4 : 10;
    std::string text = masked.substr(0, head) + masked.substr(head + 4);
    text[1] = static_cast<char>(text[1] & 0x7f);
    std::string part = text.substr(0, text.size() - 1);
    const auto none = take_frame(part, 100'000);
    ASSERT_TRUE(none);
    EXPECT_FALSE(*none);
    text += "next";
    const auto frame = take_frame(text, 100'000);
    ASSERT_TRUE(frame && *frame) << size;
    EXPECT_EQ((*frame)->payload, std::string(size, 'x'));
    EXPECT_EQ(text, "next");
  }
}

TEST(Frame, AClientsPayloadIsMasked) {
  const std::string frame = client_frame(kText, as_bytes("abcde"), 0x04030201);
  EXPECT_EQ(frame.substr(0, 2), "\x81\x85");
  EXPECT_EQ(frame.substr(2, 4), std::string("\x01\x02\x03\x04", 4));
  EXPECT_EQ(frame.substr(6), std::string({'a' ^ 1, 'b' ^ 2, 'c' ^ 3, 'd' ^ 4, 'e' ^ 1}));
}

TEST(Frame, WhatAServerMustNotSendIsRefused) {
  for (std::string text :
       {std::string("\xc2\x00", 2), std::string("\x82\x80", 2), std::string("\x83\x00", 2), std::string("\x8b\x00", 2),
        std::string("\x89\x7e\x00\x7e", 4), std::string("\x09\x00", 2)}) {
    EXPECT_FALSE(take_frame(text, 100)) << to_hex(as_bytes(text));
  }
  std::string large("\x82\x7f\x00\x00\x00\x01\x00\x00\x00\x00", 10);
  EXPECT_EQ(take_frame(large, 1000).error().code(), ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace theater::client
