#pragma once

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/vector_body.hpp>

#include "server/connection.h"
#include "server/live.h"

namespace theater::server {

using ParsedRequest = beast::http::request<beast::http::vector_body<std::uint8_t>>;

/// Accepts the upgrade that was asked for and sends events, each as one text message.
void serve_events(ConnectionContext& context, Peer socket, const ParsedRequest& request,
                  std::shared_ptr<LiveEvents> events);
/// Accepts the upgrade and passes messages both ways: from the actor as binary messages, to it from either kind.
void serve_channel(ConnectionContext& context, Peer socket, const ParsedRequest& request,
                   std::shared_ptr<ChannelFeed> channel);

}  // namespace theater::server
