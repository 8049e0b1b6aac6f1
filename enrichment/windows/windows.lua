-- Puts accesses into the declared windows and answers what they ask, in order; what the keys are stands in redis.py.
-- ARGV: the namespace, seven numbers, 1 to observe and answer or 0 to answer only; the declared windows as JSON, by
-- key: how, by, value, microseconds, microseconds to follow, where it lies; the digests of the event ids, eight bytes each, one after the other; then what
-- else there is of the accesses, as JSON: a list for each.
local DAY, QUARTER = 86400e6, 21600e6
local MOST, NAMED, DATES = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local OBSERVING = ARGV[9] == '1'
local KEEP_SEEN, KEEP_SHORT, KEEP_LONG, KEEP_VISITS = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local ns = ARGV[1] .. 'w:'
local call, floor, sub = redis.call, math.floor, string.sub
local function text(number) return string.format('%.0f', number) end
local function text_of(value) return type(value) == 'number' and text(value) or value or '' end
local SEARCHED, OPENED = 's', 'o'

local today = floor(tonumber(call('TIME')[1]) / 86400)
local SEEN_TODAY, SEEN_YESTERDAY = ns .. 'seen:' .. text(today) .. ':', ns .. 'seen:' .. text(today - 1) .. ':'

-- What is looked through entry by entry over hours lies in days; what is only counted, or looked at for minutes, in
-- quarters of a day: Redis keeps few entries compactly.
local windows = {}
for key, declared in pairs(cjson.decode(ARGV[10])) do
    local days = declared[1] == 'distinct' or declared[1] == 'sum'
    windows[key] = {
        key = key, how = declared[1], by = declared[2], value = declared[3], within = declared[4],
        follow = declared[5], lies_in = declared[6] ~= '' and declared[6] or key,
        size = days and DAY or QUARTER, kept = days and KEEP_LONG or KEEP_SHORT,
    }
end

-- A batch writes most keys more than once; each is told only once for how long it is kept.
local told = {}
local function keep(key, seconds)
    if not told[key] then
        told[key] = true
        call('EXPIRE', key, seconds)
    end
end

-- The entries of one window from `from` to `to`, the newest first: each(value, score, event) until it gives true.
local function look(window, whose, from, to, most, each)
    local of_client = window.value == 'client'
    for bucket = floor(to / window.size), floor(from / window.size), -1 do
        local key = ns .. window.lies_in .. ':' .. whose .. ':' .. text(bucket)
        local found = call('ZREVRANGEBYSCORE', key, text(to), text(from), 'WITHSCORES', 'LIMIT', 0, most)
        for n = 1, #found, 2 do
            local member = found[n]
            -- Before a client id something may stand that a worker of an earlier release has put there.
            local start = of_client and (string.find(member, '\n', 9, true) or 8) + 1 or 9
            if each(sub(member, start), found[n + 1], sub(member, 1, 8)) then return end
        end
        most = most - #found / 2
        if most <= 0 then return end
    end
end

local answers = {}

-- How many distinct values there are with the own one, then some of the others, each with its newest time.
function answers.distinct(window, access)
    local newest, values = {}, {}
    local own = access[window.value]
    look(window, access[window.by], access.at - window.within, access.at, MOST, function(value, score, event)
        if value ~= own and not newest[value] and event ~= access.digest then
            newest[value] = score
            values[#values + 1] = value
        end
    end)
    table.sort(values)
    local answer = { #values + 1 }
    for n = 1, math.min(#values, NAMED) do
        answer[#answer + 1] = values[n]
        answer[#answer + 1] = newest[values[n]]
    end
    return answer
end

function answers.number(window, access)
    local number, from = 0, access.at - window.within
    for bucket = floor(from / window.size), floor(access.at / window.size) do
        local key = ns .. window.key .. ':' .. access[window.by] .. ':' .. text(bucket)
        number = number + call('ZCOUNT', key, text(from), text(access.at))
    end
    return number
end

function answers.sum(window, access)
    local sum = 0
    look(window, access[window.by], access.at - window.within, access.at, MOST, function(value)
        sum = sum + tonumber(value)
    end)
    return text(sum)
end

function answers.dates(window, access)
    local key, date = ns .. window.key .. ':' .. access.staff .. ':', access.date
    local part, dates = floor(date / DATES), {}
    local now = tonumber(call('HGET', key .. text(part), access.client) or '0')
    local before = tonumber(call('HGET', key .. text(part - 1), access.client) or '0')
    for one = date - DATES + 1, date do
        local held = floor(one / DATES) == part and now or before
        if one == date or bit.band(held, bit.lshift(1, one % DATES)) ~= 0 then dates[#dates + 1] = one end
    end
    return dates
end

-- The newest that is another; of several at one time the first in order.
function answers.latest_other(window, access)
    local best, score = false, false
    local own = access[window.value]
    look(window, access[window.by], access.at - window.within, access.at, MOST, function(value, at, event)
        if score and at ~= score then return true end
        if value ~= own and event ~= access.digest and (not best or value < best) then best, score = value, at end
    end)
    return best and { best, score }
end

-- How many have the own value.
function answers.same(window, access)
    local number, own = 0, text_of(access[window.value])
    look(window, access[window.by], access.at - window.within, access.at, MOST, function(value)
        if value == own then number = number + 1 end
    end)
    return number
end

-- The newest entries themselves.
function answers.entries(window, access)
    local found = {}
    look(window, access[window.by], access.at - window.within, access.at, MOST, function(value, score)
        found[#found + 1], found[#found + 2] = value, score
    end)
    return #found > 0 and found
end

-- The searches of a window that led nowhere, the newest first: each(score) until it gives true. A search led to a
-- client record where the next access, at a later instant, opens one soon enough; of several at one instant any.
local function led_nowhere(window, whose, access, each)
    local at, opens, next_at, next_opens
    look(window, whose, access.at - window.within, access.at, MOST, function(step, score)
        local time = tonumber(score)
        if time ~= at then
            next_at, next_opens, at, opens = at, opens, time, false
        end
        if step == OPENED then opens = true end
        if step == SEARCHED and not (next_opens and next_at - time <= window.follow) then return each(score) end
    end)
end

function answers.unled(window, access)
    local number = 0
    led_nowhere(window, access[window.by], access, function() number = number + 1 end)
    return number
end

function answers.latest_unled_of(window, access)
    local found = {}
    for _, name in ipairs(access.others) do
        led_nowhere(window, name, access, function(score)
            found[#found + 1], found[#found + 2] = name, score
            return true
        end)
    end
    return #found > 0 and found
end

local function put(window, access)
    if window.how == 'dates' then
        local key = ns .. window.key .. ':' .. access.staff .. ':' .. text(floor(access.date / DATES))
        local held = tonumber(call('HGET', key, access.client) or '0')
        call('HSET', key, access.client, text(bit.bor(held, bit.lshift(1, access.date % DATES))))
        keep(key, KEEP_VISITS)
        return
    end
    local key = ns .. window.key .. ':' .. access[window.by] .. ':' .. text(floor(access.at / window.size))
    local before = window.value == 'client' and access.digest .. '0\n' or access.digest
    call('ZADD', key, access.score, before .. text_of(access[window.value]))
    keep(key, window.kept)
end

local replies = {}
for one, said in ipairs(cjson.decode(ARGV[12])) do
    local number, part, staff, client, at, date, site, records, stands_in, asks, others, step, trail =
        unpack(said)
    local access = {
        digest = sub(ARGV[11], 8 * one - 7, 8 * one), staff = staff, client = client, at = at, date = date,
        site = site, records = records, others = others == 0 and {} or others, score = text(at), step = step,
        trail = trail,
    }
    local seen = SEEN_TODAY .. part
    if OBSERVING and call('SADD', seen, number) == 1 and call('SISMEMBER', SEEN_YESTERDAY .. part, number) == 0 then
        keep(seen, KEEP_SEEN)
        for n = 1, #stands_in do put(windows[sub(stands_in, n, n)], access) end
    end
    local reply = {}
    for n = 1, #asks do
        local window = windows[sub(asks, n, n)]
        local answer = answers[window.how](window, access)
        if answer then reply[#reply + 1], reply[#reply + 2] = window.key, answer end
    end
    replies[#replies + 1] = #reply > 0 and reply or 0
end
return replies
