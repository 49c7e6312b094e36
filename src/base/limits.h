#pragma once

#include <cstddef>
#include <cstdint>

/// Every bound of the runtime with its default, in one place. A manifest's [limits] may lower or raise those named
/// there; the others are part of the design.
namespace theater::limits {

// An actor, unless its manifest says otherwise.
inline constexpr std::uint64_t kMemoryBytes = 64ull << 20;
inline constexpr std::uint32_t kTableElements = 100'000;
inline constexpr std::uint64_t kFuelPerTurn = 10'000'000'000;
inline constexpr std::uint64_t kTurnTimeoutMs = 10'000;
inline constexpr std::uint32_t kMailboxMessages = 1'000;
inline constexpr std::uint64_t kMailboxBytes = 8ull << 20;
inline constexpr std::uint64_t kMessageMaxBytes = 4ull << 20;
inline constexpr std::uint64_t kRequestTimeoutMs = 30'000;
inline constexpr std::uint32_t kChannelsMax = 1'000;
inline constexpr std::uint32_t kChildrenMax = 1'000;
inline constexpr std::uint64_t kStopTimeoutMs = 5'000;
/// Requests that an actor has received and not answered yet.
inline constexpr std::uint32_t kOutstandingRequestsMax = 10'000;
/// What one turn's host calls may have recorded.
inline constexpr std::uint64_t kEventBytesPerTurn = 256ull << 20;
/// State bytes that a turn may return.
inline constexpr std::uint64_t kStateMaxBytes = 16ull << 20;

// The largest that a manifest may ask for.
inline constexpr std::uint64_t kMemoryBytesMax = 4ull << 30;
inline constexpr std::uint32_t kTableElementsMax = 10'000'000;
/// The largest number that TOML can write.
inline constexpr std::uint64_t kFuelPerTurnMax = INT64_MAX;
inline constexpr std::uint32_t kMailboxMessagesMax = 1'000'000;
inline constexpr std::uint64_t kMailboxBytesMax = 1ull << 30;
inline constexpr std::uint64_t kMessageMaxBytesMax = 256ull << 20;
inline constexpr std::uint64_t kTurnTimeoutMsMax = 3'600'000;
inline constexpr std::uint64_t kRequestTimeoutMsMax = 86'400'000;
inline constexpr std::uint32_t kChannelsMaxMax = 1'000'000;
inline constexpr std::uint32_t kChildrenMaxMax = 100'000;
inline constexpr std::uint32_t kOutstandingRequestsMaxMax = 1'000'000;
inline constexpr std::uint64_t kStopTimeoutMsMax = 3'600'000;
/// A day.
inline constexpr std::uint64_t kEvictAfterMsMax = 86'400'000;

// Supervision, unless the manifest says otherwise, and the largest that it may ask for.
inline constexpr std::uint32_t kRestartsMax = 3;
inline constexpr std::uint32_t kRestartsMaxMax = 1'000;
inline constexpr std::uint64_t kRestartsWithinS = 5;
inline constexpr std::uint64_t kRestartsWithinSMax = 86'400;
inline constexpr std::uint64_t kBackoffMinMs = 100;
inline constexpr std::uint64_t kBackoffMaxMs = 10'000;
inline constexpr std::uint64_t kBackoffJitterMs = 100;
inline constexpr std::uint64_t kBackoffMsMax = 3'600'000;
/// Longest wait of an actor for what it asked about a child: the child's init, or its end, may take that long.
inline constexpr std::uint64_t kChildOrderTimeoutMs = 60'000;
/// Manifests and components that wait to be read and compiled for actors that spawn.
inline constexpr std::size_t kPreparationsWaiting = 1'000;
/// Actors of which each is the next one's parent.
inline constexpr std::uint32_t kFamilyDepthMax = 100;
/// Children that have ended and are remembered, so that they can be looked at and started again: each parent's, and
/// those without one. The oldest are forgotten first.
inline constexpr std::size_t kEndedChildrenKept = 100;

// Names and groups.
/// Names that one actor is reached by, and groups that it has joined.
inline constexpr std::size_t kActorNames = 16;
inline constexpr std::size_t kActorGroups = 100;
/// Actors in one group: so many messages at most come of one that is published.
inline constexpr std::size_t kGroupMembers = 10'000;

/// Hundred years.
inline constexpr std::uint64_t kRetainHoursMax = 876'000;
inline constexpr std::uint64_t kRetainBytesMin = 1ull << 20;

// Hot update and eviction.
/// Longest time from the order to update an actor until the new component has taken over: the end of the actor's
/// running turn, migrate and init, with what they wait for.
inline constexpr std::uint64_t kUpdateTimeoutMs = 60'000;
/// Former components of an actor whose events can be read from memory alone.
inline constexpr std::size_t kFormerComponentsKept = 16;
/// Idle instances that are given up at once, the longest idle first, when another is to be made and there is no room.
inline constexpr std::size_t kEvictedAtOnce = 64;
/// It is not looked more often than this for actors that have been idle for long enough.
inline constexpr std::uint64_t kEvictionPaceMs = 1;

// A handler, unless its block says otherwise.
inline constexpr std::uint64_t kSleepMaxMs = 3'600'000;
inline constexpr std::uint64_t kSleepMinMs = 1;
/// Messages of an actor that wait for their time, and their bytes.
inline constexpr std::uint64_t kTimers = 1'000;
inline constexpr std::uint64_t kTimersMax = 100'000;
inline constexpr std::uint64_t kTimerBytes = 8ull << 20;
inline constexpr std::uint64_t kTimerBytesMax = 1ull << 30;
/// Shortest time between two messages of one timer: nobody pays fuel for them.
inline constexpr std::uint64_t kTimerPeriodMinMs = 10;
/// Longest wait of a message for its time: a year.
inline constexpr std::uint64_t kTimerDelayMsMax = 31'622'400'000;
inline constexpr std::uint64_t kProcesses = 10;
inline constexpr std::uint64_t kProcessesMax = 10'000;
inline constexpr std::uint64_t kProcessOutputBytes = 1ull << 20;
inline constexpr std::uint64_t kProcessOutputBytesMax = 1ull << 30;
inline constexpr std::uint64_t kRandomBytes = 1ull << 20;
inline constexpr std::uint64_t kRandomBytesMax = 1ull << 30;

// A manifest.
inline constexpr std::size_t kManifestBytes = 1u << 20;
/// Errors that one refusal of a manifest lists.
inline constexpr std::size_t kManifestErrors = 20;
inline constexpr std::size_t kManifestHandlers = 64;
/// Names in one dotted key, and tables or arrays inside one another.
inline constexpr std::size_t kManifestNesting = 16;
/// Template tags, and the JSON state that fills them.
inline constexpr std::size_t kTemplateTags = 1'000;
inline constexpr std::size_t kTemplateStateBytes = 1u << 20;
/// Lists and objects inside one another in an initial state that is merged with another.
inline constexpr std::size_t kInitialStateNesting = 100;
inline constexpr std::size_t kActorNameBytes = 256;
/// A path, URL or store reference.
inline constexpr std::size_t kReferenceBytes = 4096;
inline constexpr std::size_t kComponentBytes = 256u << 20;

// A turn and a shard.
/// Messages that one actor handles before the shard goes on to the next.
inline constexpr unsigned kBatchMessages = 32;
/// Time between two epochs, by which a guest that runs too long is stopped.
inline constexpr std::uint64_t kEpochMs = 5;

/// The latest messages that were accepted and started no turn, a shard.
inline constexpr std::size_t kDeadLettersKept = 1'000;

// The chain.
inline constexpr std::size_t kLinkEvents = 64;
inline constexpr std::size_t kLinkBytes = 64u << 10;
/// Byte lists from this size on are hashed on their own and referred to by digest.
inline constexpr std::size_t kLargePayloadBytes = 1024;
/// Sealed links that a shard keeps in memory; the oldest go first.
inline constexpr std::size_t kChainMemoryBytesPerShard = 64u << 20;
/// Large payloads that a shard keeps in memory; the oldest go first.
inline constexpr std::size_t kPayloadMemoryBytesPerShard = 64u << 20;
/// A signed note, with room for the signatures of many witnesses.
inline constexpr std::size_t kNoteBytes = 1u << 20;
inline constexpr std::size_t kNoteSignatures = 100;

// A data directory.
/// A segment's bytes before the next one begins; one record may go beyond.
inline constexpr std::uint64_t kSegmentBytes = 64ull << 20;
/// Bytes written at once.
inline constexpr std::size_t kGroupBytes = 1u << 20;
/// What a shard has gathered is written after this time, or when it is kGroupSoonBytes, whichever comes first.
inline constexpr std::uint64_t kGroupPaceUs = 500;
inline constexpr std::size_t kGroupSoonBytes = 64u << 10;
/// What was written is synced after this time: soon enough for a disk that takes two to be done within five.
inline constexpr std::uint64_t kSyncDelayMs = 3;
/// Closed segments that are read and checked when a directory is opened, the newest first; the rest when they are read.
inline constexpr std::uint64_t kOpenCheckBytes = 256ull << 20;
/// A checkpoint is signed this long after the one before, or after so many events, but not sooner than the spacing.
inline constexpr std::uint64_t kCheckpointIntervalMs = 1'000;
inline constexpr std::uint64_t kCheckpointEvents = 10'000;
inline constexpr std::uint64_t kCheckpointSpacingMs = 100;

// A server and whoever manages a runtime through it.
/// Actors or events in a page.
inline constexpr std::uint32_t kPageItems = 1'000;
/// Events that a subscription may begin with; older ones are read by pages.
inline constexpr std::size_t kFeedHistoryEvents = 100'000;

// The runtime.
/// Waiting actors that one report lists.
inline constexpr std::size_t kWaitsReported = 10'000;
/// Starts that wait for room, where the runtime was told to let them.
inline constexpr std::size_t kStartsWaiting = 1'000;
/// Of the machine's memory, or of what the process may have of it: while the process uses more, no actor starts.
inline constexpr std::uint64_t kMemoryShareMaxPercent = 90;
/// What an element of a table takes.
inline constexpr std::uint64_t kTableElementBytes = 8;
/// Actors that have ended and are still listed, a shard and in all; the oldest are forgotten first.
inline constexpr std::size_t kEndedActorsKept = 10'000;
/// Compiled components on disk; those used longest ago go first.
inline constexpr std::uint64_t kCodeCacheBytes = 2ull << 30;

// Errors and logs.
inline constexpr std::size_t kErrorTextBytes = 4096;
inline constexpr std::size_t kLogLineBytes = 16u << 10;

}  // namespace theater::limits
