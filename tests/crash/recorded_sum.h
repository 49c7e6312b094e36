#pragma once

#include <gtest/gtest.h>

#include <string>

#include "chain/chain_source.h"
#include "theater/event.h"

namespace theater::testing {

/// The sum that the chain of a counter tells, to which each message added one: its turns that succeeded.
inline unsigned long sum_in_chain(const ChainSource& chain) {
  unsigned long sum = 0;
  std::string running;
  ChainReader reader;
  const auto links = chain.links(0);
  EXPECT_TRUE(links);
  while (true) {
    const auto link = (*links)->next();
    EXPECT_TRUE(link) << link.error().to_string();
    if (!link || !*link) return sum;
    const auto events = reader.read((*link)->bytes);
    EXPECT_TRUE(events);
    for (const Event& event : *events) {
      if (event.kind == EventKind::kCall) running = event.function;
      if (event.kind == EventKind::kReturned && running.ends_with("handle-send")) ++sum;
    }
  }
}

}  // namespace theater::testing
