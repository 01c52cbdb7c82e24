using Ekiben.Delivery;

namespace Ekiben.Tests.Simulation;

/// <summary>One connection: two messages may be begun where it takes chained transactions, and what ends it ends both.</summary>
internal sealed partial class LyingRelay
{
    private sealed class Connection(LyingRelay relay, int capacity) : IRelayConnection
    {
        private readonly Queue<Message> _begun = new();
        private bool _isLost;
        private bool _isBusy;
        private int _taken;

        public bool IsUsable => !_isLost;

        public int Capacity => capacity;

        /// <summary>Whose message's end has left and whose fate is open.</summary>
        public IEnumerable<SimulatedRow> OnTheirWay => _begun.Where(message => message is { MayHaveLeft: true, Outcome: null, IsKept: false }).Select(message => message.Row);

        public void Begin(in OutgoingMessage message)
        {
            var row = relay.RowOf(message.Recipient);
            relay.CheckBegin(row);
            relay._providers.Begin(row);
            _begun.Enqueue(new Message(row));
            if (_begun.Count > capacity)
            {
                relay._broken($"I7: {_begun.Count} messages are begun on a connection that takes {capacity}");
            }
        }

        public async ValueTask PrepareAsync(CancellationToken abort)
        {
            Enter();
            await GuardedAsync(EnvelopeAsync, abort);
            _isBusy = false;
        }

        public async ValueTask<DeliveryOutcome> CompleteAsync(CancellationToken abort)
        {
            Enter();
            await GuardedAsync(EnvelopeAsync, abort);
            await GuardedAsync(BodyAsync, abort);
            _isBusy = false;
            var message = _begun.Dequeue();
            relay._providers.End(message.Row);
            if (message.Outcome is DeliveryOutcome.Accepted)
            {
                message.Row.Accepted = message.Row.Claims;
            }

            return message.Outcome!;
        }

        public ValueTask DisposeAsync()
        {
            relay._open.Remove(this);
            if (_begun.Count > 0)
            {
                relay._broken("a connection was closed with messages on it");
            }

            return ValueTask.CompletedTask;
        }

        private void Enter()
        {
            if (_isBusy)
            {
                relay._broken("two calls to a connection overlap");
            }

            _isBusy = true;
        }

        private async ValueTask GuardedAsync(Func<Message, CancellationToken, ValueTask> step, CancellationToken abort)
        {
            var message = _begun.Peek();
            if (_isLost)
            {
                Lose("it was lost");
            }

            if (message.Outcome is not null)
            {
                return;
            }

            try
            {
                await step(message, abort);
            }
            catch (OperationCanceledException) when (abort.IsCancellationRequested)
            {
                Lose("stopped waiting");
            }
        }

        /// <summary>MAIL, RCPT and DATA.</summary>
        private async ValueTask EnvelopeAsync(Message message, CancellationToken abort)
        {
            if (message.IsReady)
            {
                return;
            }

            await relay.TripAsync(abort);
            if (relay.IsDown || _taken >= relay._closesAfter || relay.Happens(30))
            {
                Lose("closed");
            }
            else if (relay.Happens(20))
            {
                message.Outcome = Deferred(relay._random.Next(3) switch { 0 => SmtpPhase.Mail, 1 => SmtpPhase.Rcpt, _ => SmtpPhase.Data }, 450);
            }
            else if (relay.Happens(40))
            {
                message.Outcome = Deferred(SmtpPhase.Rcpt, 421);
                Lose("421");
            }
            else if (relay.Happens(30))
            {
                message.Outcome = new DeliveryOutcome.Refused(SmtpPhase.Rcpt, new SmtpReply(550, relay._random.Next(2) == 0 ? "5.1.1" : "5.7.1", "no"));
            }
            else if (relay.Happens(60))
            {
                message.Outcome = new DeliveryOutcome.Refused(SmtpPhase.Data, new SmtpReply(554, "", "no valid recipients"));
            }
            else if (relay.Happens(400))
            {
                message.Outcome = new DeliveryOutcome.Refused(SmtpPhase.Mail, new SmtpReply(550, "5.7.1", "not you"));
            }
            else if (relay._providers.Complaint(message.Row) is { } complaint)
            {
                message.Outcome = new DeliveryOutcome.Deferred(SmtpPhase.Rcpt, complaint);
                if (complaint.Code == 421)
                {
                    Lose("421");
                }
            }
            else
            {
                message.IsReady = true;
            }
        }

        /// <summary>The body, the dot and its reply.</summary>
        private async ValueTask BodyAsync(Message message, CancellationToken abort)
        {
            await relay.TripAsync(abort);
            if (relay.IsDown || relay.Happens(30))
            {
                Lose("cut in the body");
                return;
            }

            _taken++;
            message.MayHaveLeft = true;
            await relay.TripAsync(abort);
            if (relay.Happens(20))
            {
                await Task.Delay(TimeSpan.FromSeconds(relay._random.Next(1, 599)), relay._time, abort);
            }

            if (relay.Happens(20))
            {
                var takesIt = relay._random.Next(2) == 0;
                if (takesIt)
                {
                    Keep(message);
                }

                if (relay._random.Next(2) == 0)
                {
                    await Task.Delay(TimeSpan.FromMinutes(10), relay._time, abort);
                }

                Lose(takesIt ? "taken and silent" : "cut");
            }
            else if (relay.Happens(30))
            {
                if (relay.Lies())
                {
                    relay._boxes.Lie(message.Row);
                    Keep(message);
                }

                message.Outcome = Deferred(SmtpPhase.Dot, 452);
            }
            else if (relay.Happens(40))
            {
                message.Outcome = new DeliveryOutcome.Refused(SmtpPhase.Dot, new SmtpReply(554, "5.6.0", "no"));
            }
            else
            {
                await TakeAsync(message, abort);
            }
        }

        private async ValueTask TakeAsync(Message message, CancellationToken abort)
        {
            if (relay.Lies())
            {
                relay._boxes.Lie(message.Row);
            }
            else
            {
                Keep(message);
            }

            await relay.TripAsync(abort);
            if (relay.IsDown)
            {
                Lose("down");
                return;
            }

            message.Outcome = new DeliveryOutcome.Accepted(new SmtpReply(250, "2.0.0", "taken"));
        }

        private void Keep(Message message)
        {
            message.IsKept = true;
            relay._boxes.Keep(message.Row);
        }

        private void Lose(string reason)
        {
            _isLost = true;
            foreach (var message in _begun)
            {
                message.Outcome ??= message.MayHaveLeft
                    ? new DeliveryOutcome.Uncertain(SmtpPhase.Dot, reason)
                    : new DeliveryOutcome.NotSent(message.IsReady ? SmtpPhase.Body : SmtpPhase.Mail, reason);
            }
        }

        private static DeliveryOutcome.Deferred Deferred(SmtpPhase phase, int code) => new(phase, new SmtpReply(code, "4.2.0", "later"));
    }

    /// <summary>A message that is begun on a connection.</summary>
    private sealed class Message(SimulatedRow row)
    {
        public SimulatedRow Row => row;

        /// <summary>354 was said.</summary>
        public bool IsReady { get; set; }

        public bool MayHaveLeft { get; set; }

        public bool IsKept { get; set; }

        public DeliveryOutcome? Outcome { get; set; }
    }
}
