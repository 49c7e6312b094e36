#include "store/data_directory.h"

#include <gtest/gtest.h>

#include "store/sample_store.h"

namespace theater::store {
namespace {

class Directory : public testing::Test {
 protected:
  std::unique_ptr<DataDirectory> open(DataDirectory::Access access = DataDirectory::Access::kWrite) {
    auto directory = DataDirectory::open(kSampleDirectory, access, on_disk(disk_, random_));
    EXPECT_TRUE(directory) << directory.error().to_string();
    return std::move(*directory);
  }
  std::unique_ptr<SegmentWriter> begin(DataDirectory& directory, std::uint32_t shard = 0) {
    auto writer = directory.begin_segment(shard, chain::kSampleTimeNs);
    EXPECT_TRUE(writer) << writer.error().to_string();
    return std::move(*writer);
  }
  void expect_all(const DataDirectory& directory, std::size_t actors) {
    ASSERT_EQ(directory.actors()->size(), actors);
    for (std::size_t actor = 0; actor < actors; ++actor) {
      const auto stored = directory.actor(SampleActors::id(actor));
      ASSERT_TRUE(stored);
      EXPECT_EQ(stored->next_sequence, actors_.head(actor).next_sequence);
      EXPECT_EQ(stored->head, actors_.head(actor).hash);
      EXPECT_EQ(stored->name, "actor " + std::to_string(actor));
      EXPECT_FALSE(stored->damage);
      const VerifyReport report = verify_chain(directory, stored->id);
      EXPECT_TRUE(report.ok()) << report.fault->what;
      EXPECT_EQ(report.events, actors_.head(actor).next_sequence);
      EXPECT_EQ(report.head_hash, actors_.head(actor).hash);
      EXPECT_EQ(report.payloads_missing, 0u);
    }
  }

  MemoryDisk disk_;
  SeededRandom random_{1};
  SampleActors actors_{10};
};

TEST_F(Directory, chains_are_there_again_when_it_is_opened_again) {
  {
    auto directory = open();
    auto writer = begin(*directory);
    for (int round = 0; round < 20; ++round) {
      for (std::size_t actor = 0; actor < 3; ++actor) actors_.record(*writer, actor, round % 3 == 0 ? 2000 : 20);
    }
    ASSERT_TRUE(directory->close_segment(std::move(writer)));
  }
  expect_all(*open(), 3);
  expect_all(*open(DataDirectory::Access::kRead), 3);
}

TEST_F(Directory, chains_go_on_over_segments_shards_and_sessions) {
  for (int session = 0; session < 4; ++session) {
    auto directory = open();
    for (int segment = 0; segment < 3; ++segment) {
      auto writer = begin(*directory, static_cast<std::uint32_t>(segment % 2));
      for (int i = 0; i < 30; ++i) actors_.record(*writer, static_cast<std::size_t>(i) % 3, i % 5 == 0 ? 3000 : 20);
      ASSERT_TRUE(directory->close_segment(std::move(writer)));
    }
  }
  expect_all(*open(DataDirectory::Access::kRead), 3);
}

TEST_F(Directory, links_begin_with_the_one_that_holds_the_sequence) {
  auto directory = open();
  for (int segment = 0; segment < 3; ++segment) {
    auto writer = begin(*directory);
    for (int i = 0; i < 500; ++i) actors_.record(*writer, 0);
    ASSERT_TRUE(directory->close_segment(std::move(writer)));
  }
  directory.reset();
  directory = open();
  const auto source = directory->chain(SampleActors::id(0));
  ASSERT_TRUE(source);
  EXPECT_EQ((*source)->first_sequence(), 0u);
  EXPECT_EQ((*source)->next_sequence(), actors_.head(0).next_sequence);
  const std::uint64_t end = actors_.head(0).next_sequence;
  // Twice: the second time by what the first noted on its way.
  for (std::uint64_t i = 0; i < 2 * end; i += 7) {
    const std::uint64_t from = i % end;
    const auto links = (*source)->links(from);
    ASSERT_TRUE(links);
    std::optional<std::uint64_t> last;
    for (auto link = (*links)->next(); link && *link; link = (*links)->next()) {
      const chain::LinkDecoder decoder((*link)->bytes);
      if (!last) {
        EXPECT_LE(decoder.header().first_sequence, from);
        EXPECT_GT(decoder.header().first_sequence + decoder.header().event_count, from);
      } else {
        EXPECT_EQ(decoder.header().first_sequence, *last);
      }
      last = decoder.header().first_sequence + decoder.header().event_count;
    }
    EXPECT_EQ(last, end);
  }
}

TEST_F(Directory, a_torn_tail_is_cut_and_what_was_before_it_goes_on) {
  {
    auto directory = open();
    auto writer = begin(*directory);
    for (int i = 0; i < 50; ++i) actors_.record(*writer, static_cast<std::size_t>(i) % 2);
    ASSERT_TRUE(writer->write());
    ASSERT_TRUE(writer->sync());
  }
  const auto path = kSampleDirectory / "segments" / segment_file_name(1, 0);
  Bytes content = disk_.content(path);
  append(content, chain::pattern(700));
  disk_.set_content(path, content);
  {
    auto directory = open();
    EXPECT_EQ(directory->torn_bytes(), 700u);
    expect_all(*directory, 2);
    auto writer = begin(*directory);
    actors_.record(*writer, 0);
    ASSERT_TRUE(directory->close_segment(std::move(writer)));
  }
  auto directory = open();
  EXPECT_EQ(directory->torn_bytes(), 0u);
  expect_all(*directory, 2);
}

TEST_F(Directory, a_group_that_was_cut_keeps_its_first_links) {
  {
    auto directory = open();
    auto writer = begin(*directory);
    for (int i = 0; i < 10; ++i) actors_.record(*writer, 0);
    ASSERT_TRUE(writer->write());
  }
  const auto path = kSampleDirectory / "segments" / segment_file_name(1, 0);
  Bytes content = disk_.content(path);
  content.resize(content.size() - 3);
  disk_.set_content(path, content);
  const auto& last = actors_.written()[actors_.written().size() - 2];
  for (int times = 0; times < 3; ++times) {
    auto directory = open();
    const auto stored = directory->actor(SampleActors::id(0));
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->head, last.hash);
    EXPECT_TRUE(directory->damages().empty());
    EXPECT_EQ(verify_chain(*directory, stored->id).events, last.next_sequence);
  }
}

TEST_F(Directory, looking_at_it_changes_nothing) {
  {
    auto directory = open();
    auto writer = begin(*directory);
    for (int i = 0; i < 10; ++i) actors_.record(*writer, 0);
    ASSERT_TRUE(writer->write());
    // While its owner still writes.
    expect_all(*open(DataDirectory::Access::kRead), 1);
  }
  const std::uint64_t writes = disk_.count(MemoryDisk::Operation::kWrite);
  const std::uint64_t syncs = disk_.count(MemoryDisk::Operation::kSync);
  expect_all(*open(DataDirectory::Access::kRead), 1);
  EXPECT_EQ(disk_.count(MemoryDisk::Operation::kWrite), writes);
  EXPECT_EQ(disk_.count(MemoryDisk::Operation::kSync), syncs);
}

TEST_F(Directory, a_second_writer_is_refused) {
  auto first = open();
  const auto second = DataDirectory::open(kSampleDirectory, DataDirectory::Access::kWrite, on_disk(disk_, random_));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kUnavailable);
}

TEST_F(Directory, a_folder_with_something_else_in_it_is_refused) {
  ASSERT_TRUE(disk_.make_directory(kSampleDirectory));
  disk_.set_content(kSampleDirectory / "thesis.txt", to_bytes("precious"));
  const auto opened = DataDirectory::open(kSampleDirectory, DataDirectory::Access::kWrite, on_disk(disk_, random_));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(opened.error().message().find("thesis.txt"), std::string::npos);
}

TEST_F(Directory, what_is_no_data_directory_cannot_be_read) {
  const auto opened = DataDirectory::open(kSampleDirectory, DataDirectory::Access::kRead, on_disk(disk_, random_));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::kNotFound);
}

TEST_F(Directory, damage_names_its_actor_and_the_others_are_whole) {
  {
    auto directory = open();
    auto writer = begin(*directory);
    for (int i = 0; i < 60; ++i) actors_.record(*writer, static_cast<std::size_t>(i) % 3);
    ASSERT_TRUE(directory->close_segment(std::move(writer)));
    writer = begin(*directory);
    for (int i = 0; i < 60; ++i) actors_.record(*writer, static_cast<std::size_t>(i) % 3);
    ASSERT_TRUE(directory->close_segment(std::move(writer)));
  }
  const auto path = kSampleDirectory / "segments" / segment_file_name(1, 0);
  Bytes content = disk_.content(path);
  content[content.size() / 2] ^= 4;
  disk_.set_content(path, content);
  auto directory = open();
  ASSERT_EQ(directory->damages().size(), 1u);
  const Damage damage = directory->damages()[0];
  ASSERT_TRUE(damage.actor);
  EXPECT_EQ(directory->actor(*damage.actor)->damage->sequence, damage.sequence);
  EXPECT_NE(damage.to_string().find(to_string(*damage.actor)), std::string::npos);
  const auto stored = *directory->actors();
  for (const StoredActor& actor : stored) {
    const VerifyReport report = verify_chain(*directory, actor.id);
    if (actor.id == *damage.actor) {
      EXPECT_FALSE(report.ok() && report.events == actors_.head(0).next_sequence);
      EXPECT_LE(report.events, damage.sequence);
    } else {
      EXPECT_TRUE(report.ok()) << report.fault->what;
      EXPECT_FALSE(actor.damage);
    }
  }
}

TEST_F(Directory, a_segment_that_is_gone_is_missed) {
  {
    auto directory = open();
    for (int segment = 0; segment < 3; ++segment) {
      auto writer = begin(*directory);
      for (int i = 0; i < 10; ++i) actors_.record(*writer, static_cast<std::size_t>(i) % 2);
      ASSERT_TRUE(directory->close_segment(std::move(writer)));
    }
  }
  ASSERT_TRUE(disk_.remove(kSampleDirectory / "segments" / segment_file_name(2, 0)));
  auto directory = open();
  EXPECT_EQ(directory->damages().size(), 2u) << "one for each actor";
  const auto stored = *directory->actors();
  for (const StoredActor& actor : stored) {
    ASSERT_TRUE(actor.damage);
    EXPECT_NE(actor.damage->what.find("missing"), std::string::npos);
  }
}

TEST_F(Directory, what_an_open_segment_holds_is_read_without_what_others_recorded_between) {
  auto directory = open();
  auto writer = begin(*directory);
  for (int round = 0; round < 300; ++round) {
    for (std::size_t actor = 0; actor < 10; ++actor) actors_.record(*writer, actor, round % 50 == 3 ? 5000 : 700);
    if (round % 20 != 0) continue;
    ASSERT_TRUE(writer->write());
  }
  ASSERT_TRUE(writer->write());
  ASSERT_GT(writer->written_bytes(), 2u << 20);
  expect_all(*directory, 10);
  // Two events a turn: the 50 turns before the last ten.
  const std::uint64_t end = actors_.head(7).next_sequence;
  const std::uint64_t before = disk_.bytes_read();
  const auto source = directory->chain(SampleActors::id(7));
  ASSERT_TRUE(source);
  const auto links = (*source)->links(end - 120);
  ASSERT_TRUE(links);
  std::uint64_t link_bytes = 0;
  std::uint64_t next = end - 120;
  while (next < end - 20) {
    const auto link = (*links)->next();
    ASSERT_TRUE(link && *link);
    const chain::LinkDecoder decoder((*link)->bytes);
    ASSERT_EQ(decoder.header().actor, SampleActors::id(7));
    ASSERT_EQ(decoder.header().first_sequence, next);
    ASSERT_EQ(sha256((*link)->bytes), (*link)->hash);
    next += decoder.header().event_count;
    link_bytes += (*link)->bytes.size();
  }
  EXPECT_LE(disk_.bytes_read() - before, 2 * link_bytes + (64u << 10)) << "of " << writer->written_bytes();
  ASSERT_TRUE(directory->close_segment(std::move(writer)));
}

TEST_F(Directory, a_large_value_in_an_open_segment_is_read_alone) {
  auto directory = open();
  auto writer = begin(*directory);
  for (int i = 0; i < 3000; ++i) actors_.record(*writer, 0, 500);
  const Bytes large = chain::pattern(300'000, 3);
  const Bytes small = chain::pattern(3000, 4);
  writer->add_payload(sha256(large), large);
  writer->add_payload(sha256(small), small);
  actors_.record(*writer, 0);
  EXPECT_EQ(directory->content(sha256(small)).value(), std::nullopt) << "not written yet";
  ASSERT_TRUE(writer->write());
  const std::uint64_t before = disk_.bytes_read();
  EXPECT_EQ(directory->content(sha256(large)).value(), large);
  EXPECT_EQ(directory->content(sha256(small)).value(), small);
  EXPECT_EQ(directory->content(sha256(as_bytes("nothing"))).value(), std::nullopt);
  EXPECT_LE(disk_.bytes_read() - before, large.size() + small.size() + 1000);
}

TEST_F(Directory, what_was_added_to_a_segment_and_not_written_is_not_there_for_who_reads) {
  auto directory = open();
  auto writer = begin(*directory);
  actors_.record(*writer, 0);
  EXPECT_EQ(directory->chain(SampleActors::id(0)).error().code(), ErrorCode::kNotFound);
  EXPECT_TRUE(directory->actors()->empty());
  ASSERT_TRUE(writer->write());
  const ChainHead written = actors_.head(0);
  actors_.record(*writer, 0);
  EXPECT_EQ(directory->actor(SampleActors::id(0))->head, written.hash);
  EXPECT_EQ(directory->actor(SampleActors::id(0))->name, "actor 0");
  EXPECT_EQ(verify_chain(*directory, SampleActors::id(0)).events, written.next_sequence);
  disk_.fail_at(MemoryDisk::Operation::kWrite, 0, MemoryDisk::Failure::kShortWrite);
  ASSERT_FALSE(writer->write());
  EXPECT_EQ(directory->actor(SampleActors::id(0))->head, written.hash);
}

TEST_F(Directory, a_chain_that_was_opened_is_read_to_its_end_while_its_segment_grows_and_closes) {
  auto directory = open();
  auto writer = begin(*directory);
  const auto record = [&](int links) {
    for (int i = 0; i < links; ++i) actors_.record(*writer, static_cast<std::size_t>(i) % 2, i % 9 == 0 ? 2000 : 20);
    ASSERT_TRUE(writer->write());
  };
  record(100);
  const auto source = directory->chain(SampleActors::id(0));
  ASSERT_TRUE(source);
  const std::uint64_t end = actors_.head(0).next_sequence;
  const auto read = [&] {
    const auto links = (*source)->links(0);
    std::uint64_t next = 0;
    for (auto link = (*links)->next(); link && *link; link = (*links)->next()) {
      const Bytes bytes = to_bytes((*link)->bytes);
      chain::LinkDecoder decoder(bytes);
      EXPECT_EQ(decoder.header().first_sequence, next);
      next += decoder.header().event_count;
      chain::EventView event;
      while (decoder.next(event)) {
        chain::visit_digests(event, [&](ByteView named, std::uint64_t) {
          Digest digest;
          std::ranges::copy(named, digest.begin());
          EXPECT_TRUE((*source)->find(digest));
        });
      }
    }
    return next;
  };
  EXPECT_EQ(read(), end);
  record(50);
  EXPECT_EQ(read(), end);
  ASSERT_TRUE(directory->close_segment(std::move(writer)));
  EXPECT_EQ(read(), end);
}

}  // namespace
}  // namespace theater::store
