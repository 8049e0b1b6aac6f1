-- Applies changes of one partition and notes how far it is applied; what the keys are stands in redis_shelf.py.
-- ARGV: the namespace, the epoch, the partition, the offset that follows, the changes as JSON: a list of
-- [offset, kind, id, places], where places is null for a deletion, else node, field, payload for each place; a deletion
-- may name a second id behind them, for where there is no record with the first; and how far the partition was applied
-- when the writer last heard: less than that means that Redis went back to an older copy.
-- Answers how many changes were taken, and how many of them were deletions that found no record.
local ns, epoch, partition, following = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local call = redis.call
if call('GET', ns .. 'epoch') ~= epoch then return {-1, 0} end
local data = ns .. 'd' .. string.match(epoch, '^[^.]*') .. ':'
local applied = tonumber(call('HGET', data .. 'applied', partition) or '0')
if applied < tonumber(ARGV[6]) then return {-2, 0} end

-- Clears the places of `before` that are not among those of `now`.
local function clear(before, now)
    for line in string.gmatch(before, '[^\t]+') do
        if not now[line] then
            local cut = string.find(line, '\n', 1, true)
            call('HDEL', data .. string.sub(line, 1, cut - 1), string.sub(line, cut + 1))
        end
    end
end

-- Kinds whose ids are listed. One that is listed and has no places has lost them: answered with -3, 0.
local listed = {staff = true, watchlist = true, client = true, agreement = true}
local taken, unmatched, more, changed = 0, 0, {}, {}
for _, change in ipairs(cjson.decode(ARGV[5])) do
    local offset, kind, id, places, instead = unpack(change, 1, 5)
    if offset >= applied then
        taken = taken + 1
        changed[kind] = true
        local at = data .. 'at:' .. kind .. ':' .. id
        local before = call('GET', at)
        if places == cjson.null then
            local function lost() return listed[kind] and call('SISMEMBER', data .. 'ids:' .. kind, id) == 1 end
            if not before and lost() then return {-3, 0} end
            if not before and instead then
                id, at = instead, data .. 'at:' .. kind .. ':' .. instead
                before = call('GET', at)
                if not before and lost() then return {-3, 0} end
            end
            if before then
                clear(before, {})
                call('DEL', at)
                if listed[kind] then call('SREM', data .. 'ids:' .. kind, id) end
                more[kind] = (more[kind] or 0) - 1
            else
                unmatched = unmatched + 1
            end
        else
            local now, lines = {}, {}
            for p = 1, #places, 3 do
                call('HSET', data .. places[p], places[p + 1], places[p + 2])
                lines[#lines + 1] = places[p] .. '\n' .. places[p + 1]
                now[lines[#lines]] = true
            end
            local held = table.concat(lines, '\t')
            if before ~= held then
                if before then clear(before, now) else more[kind] = (more[kind] or 0) + 1 end
                call('SET', at, held)
                if listed[kind] and call('SADD', data .. 'ids:' .. kind, id) == 0 and not before then
                    return {-3, 0}
                end
            end
        end
    end
end
for kind, number in pairs(more) do call('HINCRBY', data .. 'records', kind, number) end
for kind in pairs(changed) do call('HSET', data .. 'changed', kind, call('TIME')[1]) end
if following > applied then call('HSET', data .. 'applied', partition, following) end
if taken > 0 then call('INCR', ns .. 'changes') end
return {taken, unmatched}
